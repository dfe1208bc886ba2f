import { dirname } from 'node:path';
import { removeLeftTemporaries } from '../clients/folders/left-temporaries.ts';
import { onTarget, targetName } from '../clients/folders/target.ts';
import { fail } from '../core/errors/errors.ts';
import { whyNoKeyFile } from '../core/trust/key-file.ts';
import { remedyOf } from '../core/trust/untrusted-code.ts';
import { defineDeployer, wholePath, z } from '../define.ts';
import type { VersionBundle } from '../ports/deployer.ts';
import type { FileAttributes, FileStat, FilesWithin } from '../ports/files.ts';

const path = (title: string, example: string) =>
  wholePath()
    .optional()
    .meta({ title, examples: [example] });

export default defineDeployer({
  id: 'copies',
  title: 'Copies (files at paths of your choice)',
  since: '0.1.0',
  ofNode: true,
  options: z.strictObject({
    privkey: path('Where the private key goes', '/etc/ssl/private/www.key'),
    cert: path('Where the certificate alone goes', '/etc/ssl/certs/www.crt'),
    chain: path('Where the rest of the chain goes', '/etc/ssl/certs/www-chain.crt'),
    fullchain: path('Where the certificate goes with its chain', '/etc/ssl/certs/www-fullchain.crt'),
  }),
  notes: `For servers whose configuration names single files, such as those that acme.sh installs. \`certfleet import\` sets it up
for the files of acme.sh, dehydrated, lego and uacme. Where nothing else decides, use \`files\`: there, key and chain change
in one step, while this deployer replaces one file after the other. Nothing is reloaded: list a \`command\` after this one.

A file keeps its owner, its group and its mode, but other users can never read a private key, and only the owner can
write a file. A private key is never written over a file of another user: give the file to root and to the group of the
server that reads it (\`chown root:GROUP\`, \`chmod 640\`). A new private key has mode 0600, whatever the umask. The folder must exist, and only root and the user
that runs certfleet may be able to change it and the way to it. Links of theirs are followed; anything but a regular file is
refused. Access control lists of a file are not kept.`,
  connect({ options, name, world }) {
    const { files } = world;
    const target = targetName('copies', name);

    const copiesOf = (version: VersionBundle): readonly Copy[] => {
      const contents = [
        [options.privkey, version.keyPem.reveal()],
        [options.cert, version.certPem],
        [options.chain, version.chainPem],
        [options.fullchain, version.fullchainPem],
      ] as const;
      return contents.flatMap(([at, content], index) =>
        at === undefined ? [] : [{ at, content: Buffer.from(content), isKey: index === 0 }],
      );
    };

    /** Works in the folder that the file is really in. Fails with `deploy/unsafe-folder`. */
    async function inFolder<T>(
      lineage: string,
      { at, isKey }: Pick<Copy, 'at' | 'isKey'>,
      work: (inside: FilesWithin, path: string) => Promise<T>,
    ): Promise<T> {
      const refuse = (reason: string) =>
        fail('deploy/unsafe-folder', { target, certificate: lineage, reason }, { cause: new Error(reason) });
      const { path, untrusted: foreign } = await files.place(at);
      if (foreign) throw refuse(`${foreign.reason}: ${remedyOf(foreign)}`);
      return files.within(dirname(path), { owners: [], refuse }, async (inside) => {
        const stat = await inside.stat(path);
        if (stat && stat.kind !== 'file')
          throw refuse(`${path} is not a regular file: remove it, or name another path`);
        const problem = stat && isKey ? whyNoKeyFile(path, stat, inside.uid) : undefined;
        if (problem !== undefined) throw refuse(problem);
        return work(inside, path);
      });
    }

    const put = (lineage: string, { at, content, isKey }: Copy): Promise<Before> =>
      inFolder(lineage, { at, isKey }, async (inside, path) => {
        const stat = await inside.stat(path);
        const before: Before = { at, content: stat && (await inside.read(path)), isKey };
        const attributes = attributesOf(stat, inside.uid, isKey);
        // The temporary files contain private keys.
        await removeLeftTemporaries(inside, dirname(path), world);
        if (stat?.mode !== attributes.mode || !isSame(before.content, content))
          await inside.replace(path, content, attributes);
        return before;
      });

    const putBack = (lineage: string, { content, ...copy }: Before): Promise<unknown> =>
      content ? put(lineage, { ...copy, content }) : inFolder(lineage, copy, (inside, path) => inside.remove(path));

    return {
      type: 'copies',
      scope: 'node',
      concurrent: true,
      look: (version, signal) =>
        onTarget(target, version.lineage, signal, async () => {
          const found: { readonly at: string; readonly isThere: boolean; readonly isRight: boolean }[] = [];
          for (const { at, content, isKey } of copiesOf(version))
            await inFolder(version.lineage, { at, isKey }, async (inside, path) => {
              const stat = await inside.stat(path);
              const isOpen = stat?.mode !== attributesOf(stat, inside.uid, isKey).mode;
              const isRight = !isOpen && isSame(await inside.read(path), content);
              found.push({ at, isThere: stat !== undefined, isRight });
            });
          const wrong = found.find(({ isRight }) => !isRight);
          if (!wrong) return { state: 'current', detail: found.map(({ at }) => at).join(', ') };
          if (!found.some(({ isThere }) => isThere)) return { state: 'absent', detail: `${wrong.at} does not exist` };
          return {
            state: 'stale',
            detail: `${wrong.at} ${wrong.isThere ? 'has another content or mode' : 'is missing'}`,
          };
        }),
      stage: (version, _note, signal) =>
        onTarget(target, version.lineage, signal, async () => {
          for (const copy of copiesOf(version)) await inFolder(version.lineage, copy, async () => {});
          return null;
        }),
      activate: (version, _staged, _note, signal) =>
        onTarget(target, version.lineage, signal, async () => {
          const done: Before[] = [];
          try {
            for (const copy of copiesOf(version)) done.push(await put(version.lineage, copy));
          } catch (error) {
            // The first error is the one to report. `look` finds files that were not restored.
            for (const before of done.reverse()) await putBack(version.lineage, before).catch(() => undefined);
            throw error;
          }
        }),
    };
  },
});

interface Copy {
  readonly at: string;
  readonly content: Uint8Array;
  readonly isKey: boolean;
}

/** The previous state of a file, without content if it did not exist. */
interface Before extends Omit<Copy, 'content'> {
  readonly content: Uint8Array | undefined;
}

const isSame = (a: Uint8Array | undefined, b: Uint8Array): boolean => a !== undefined && Buffer.from(b).equals(a);

/**
 * Returns the attributes of the existing file, without permissions that others must not have. Only root can give a file
 * to another user.
 */
function attributesOf(stat: FileStat | undefined, user: number, isKey: boolean): FileAttributes {
  const most = isKey ? 0o640 : 0o644;
  if (!stat) return { mode: isKey ? 0o600 : most };
  const owner = user === 0 || stat.uid === user ? { uid: stat.uid, gid: stat.gid } : {};
  return { mode: stat.mode & most, ...owner };
}
