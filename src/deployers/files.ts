import { createCertbotFolder } from '../clients/folders/certbot-folder.ts';
import { createLiveDeployer } from '../clients/folders/live-deployer.ts';
import { present } from '../core/text/present.ts';
import { defineDeployer, keyFiles, ownership, wholePath, z } from '../define.ts';

export default defineDeployer({
  id: 'files',
  title: 'Files (certbot’s layout)',
  since: '0.1.0',
  ofNode: true,
  byFolder: true,
  engineTraits({ path, layout, certbotName }) {
    const root = String(path);
    if (layout !== 'certbot') return { files: { root } };
    return { files: { root, inPlace: true, ...present({ name: certbotName as string | undefined }) } };
  },
  options: z.strictObject({
    path: wholePath().meta({
      title: 'Root folder; `live/` and `archive/` are created in it',
      examples: ['/etc/certs'],
    }),
    ...ownership(),
    layout: z
      .enum(['versions', 'certbot'])
      .default('versions')
      .meta({ title: '`certbot`: certbot’s own folders, with a link for each file and renewal/*.conf' }),
    certbotName: z
      .string()
      .min(1)
      .optional()
      .meta({ title: 'With `layout: certbot`: certbot’s name of the certificate, if it has another' }),
    ...keyFiles(),
  }),
  notes: `Point servers to \`<path>/live/<name>/fullchain.pem\` and \`privkey.pem\`, as with certbot. \`live/<name>\` is a
symlink to \`archive/<name>/<version>/\` and is swapped in one step, so that key and chain always match. Two versions are
kept. Nothing is reloaded: for a server that reads its files only at start, use \`nginx\`, \`haproxy\` or \`command\`
instead, or list a \`command\` after this one. A \`live/<name>\` that certfleet did not make, such as certbot's in
\`/etc/letsencrypt\`, is refused and left alone: use another \`path\`. Setting \`owner\` needs root. The folder must belong to
root or to the user that runs certfleet, and links in it are not followed.

\`layout: certbot\` writes into certbot's own folder, as certbot does: \`archive/<name>/cert<number>.pem\` and so on, a link
for each of the four files in \`live/<name>/\`, and \`renewal/<name>.conf\` for certificates that certbot does not know. Server
configurations stay as they are, and certbot can go on at any time. The links change one after the other, so key and
certificate may not match for a moment, as with certbot: reload servers after it. Owner and group are those of the key
before. \`certfleet import certbot --in-place\` sets it up, and \`certfleet import certbot --undo\` puts everything back.`,
  connect: ({ options, name, world }) => {
    const keyMode = Number.parseInt(options.mode, 8);
    if (options.layout === 'certbot') {
      const { path: root, certbotName } = options;
      return createCertbotFolder({ world, root, certbotName, name, keyMode });
    }
    return createLiveDeployer({
      type: 'files',
      name,
      files: world.files,
      root: options.path,
      keyMode,
      haproxyBundle: options.haproxyBundle,
      ...present({
        owner: options.owner === undefined ? undefined : `${options.owner}`,
        group: options.group === undefined ? undefined : `${options.group}`,
      }),
    });
  },
});
