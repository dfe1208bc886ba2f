import { createCertbotFolder } from '../clients/folders/certbot-folder.ts';
import { createKeystore, type Keystore } from '../clients/folders/keystore.ts';
import { createLiveDeployer } from '../clients/folders/live-deployer.ts';
import { targetName } from '../clients/folders/target.ts';
import { fail } from '../core/errors/errors.ts';
import { present } from '../core/text/present.ts';
import { type DeployerContext, defineDeployer, keyFiles, ownership, secret, wholePath, z } from '../define.ts';

const options = z.strictObject({
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
  pkcs12: z
    .enum(['modern', 'legacy'])
    .optional()
    .meta({
      title: 'Also write keystore.p12, with the key’s mode: with AES-256, or as programs from before 2020 need it',
      needs: ['pkcs12Password'],
    }),
  pkcs12Password: secret('The password of keystore.p12, of ASCII characters').optional(),
});

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
  options,
  notes: `Point servers to \`<path>/live/<name>/fullchain.pem\` and \`privkey.pem\`, as with certbot. \`live/<name>\` is a
symlink to \`archive/<name>/<version>/\` and is swapped in one step, so that key and chain always match. Two versions are
kept. Nothing is reloaded: for a server that reads its files only at start, use \`nginx\`, \`haproxy\` or \`command\`
instead, or list a \`command\` after this one. A \`live/<name>\` that certfleet did not make, such as certbot's in
\`/etc/letsencrypt\`, is refused and left alone: use another \`path\`. Setting \`owner\` needs root. The folder must belong to
root or to the user that runs certfleet, and links in it are not followed.

\`pkcs12\` adds \`keystore.p12\`, which Java and Windows read: the key with its chain, under the name of the certificate,
as \`certfleet export\` writes it. It changes in the same step as the other files. The next run makes it again if it is
missing, or if its form or password is another one; \`certfleet renew --redeploy\`, also if its content has changed:
certfleet recognises its own file by \`keystore.p12.seal\`, which must stay beside it. There is no JKS file, because Java takes the PKCS#12 file in its place: \`-Djavax.net.ssl.keyStore=<path>/live/<name>/keystore.p12\`.
Windows imports it as it does a .pfx file. Java before 8u301, macOS before 15 and Windows before Server 2019 need
\`pkcs12: legacy\`, which is easier to break. \`layout: certbot\` cannot have it.

\`layout: certbot\` writes into certbot's own folder, as certbot does: \`archive/<name>/cert<number>.pem\` and so on, a link
for each of the four files in \`live/<name>/\`, and \`renewal/<name>.conf\` for certificates that certbot does not know. Server
configurations stay as they are, and certbot can go on at any time. The links change one after the other, so key and
certificate may not match for a moment, as with certbot: reload servers after it. Owner and group are those of the key
before. \`certfleet import certbot --in-place\` sets it up, and \`certfleet import certbot --undo\` puts everything back.`,
  connect: ({ options, name, world, owner, pki }) => {
    const keyMode = Number.parseInt(options.mode, 8);
    const keystore = keystoreOf({ options, name, owner, pki });
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
        keystore,
      }),
    });
  },
});

type Given = Pick<DeployerContext<z.infer<typeof options>>, 'options' | 'name' | 'owner' | 'pki'>;

/** Returns what writes keystore.p12, or undefined if it is not wanted. Fails with `config/invalid`. */
function keystoreOf({ options, name, owner, pki }: Given): Keystore | undefined {
  const { pkcs12: form, pkcs12Password: password, layout } = options;
  if (form === undefined) return undefined;
  const refuse = (problem: string) => fail('config/invalid', { file: targetName('files', name), problem });
  if (layout === 'certbot') throw refuse('`layout: certbot` writes no keystore, so `pkcs12` must not be set');
  if (!password || !pki) throw refuse('`pkcs12` needs `pkcs12Password`');
  // Java accepts only these characters.
  if (!/^[\x20-\x7e]+$/.test(password.reveal()))
    throw refuse('`pkcs12Password` is empty or contains a character outside ASCII');
  return createKeystore({ password, isLegacy: form === 'legacy', salt: owner, pkcs12: pki.pkcs12 });
}
