import { createHash } from 'node:crypto';
import { basename, dirname, join } from 'node:path';
import { removeLeftTemporaries } from '../clients/folders/left-temporaries.ts';
import { bundlePem } from '../clients/folders/live-folder.ts';
import { onTarget, targetName, withoutKey } from '../clients/folders/target.ts';
import { createHaproxyAdmin, isAdminWord, socketPattern } from '../clients/haproxy/haproxy.ts';
import { fail } from '../core/errors/errors.ts';
import { defineDeployer, wholePath, z } from '../define.ts';
import type { Deployer, VersionBundle } from '../ports/deployer.ts';
import type { FilesWithin } from '../ports/files.ts';

const path = (title: string, example: string) =>
  wholePath()
    .refine(isAdminWord, { error: 'HAProxy’s admin commands do not allow spaces, semicolons or backslashes in a path' })
    .transform((text) => text.replace(/(?<=.)\/+$/, ''))
    .meta({ title, examples: [example] });

export default defineDeployer({
  id: 'haproxy',
  title: 'HAProxy',
  homepage: 'https://docs.haproxy.org/3.0/management.html#9.3-set%20ssl%20cert',
  since: '0.1.0',
  ofNode: true,
  options: z.strictObject({
    socket: z
      .string()
      .regex(socketPattern, { error: 'a path, or host:port' })
      .meta({ title: 'Admin socket: a path, or host:port', examples: ['/run/haproxy/admin.sock'], local: true }),
    certificates: path('Folder of the PEM files, written as in HAProxy’s configuration', '/etc/haproxy/certs'),
    crtList: path('crt-list file, if the bind line names one', '/etc/haproxy/crt-list.txt').optional(),
  }),
  notes: `Needs HAProxy 2.4 or later (tested with 3.0), \`stats socket /run/haproxy/admin.sock mode 600 level admin\`, and one of

- \`bind :443 ssl strict-sni crt /etc/haproxy/certs\`: the folder itself is the list. \`strict-sni\` lets HAProxy start
  while the folder is empty; without it, the folder must contain a certificate. It may contain only PEM files;
- \`bind :443 ssl strict-sni crt-list /etc/haproxy/crt-list.txt\` and \`crtList\`: certfleet adds a line for each
  certificate to that file, which must exist (it may be empty) and should be outside the folder.

certfleet first sends a certificate over the admin socket: every connection uses it from then on, without a reload and
without a failed handshake. Then it writes \`<certificates>/<name>.pem\` (0600), so that a restart serves the same. The
private key goes over the socket, so use a UNIX socket or loopback. Chain and key must fit into \`tune.bufsize\` (16 kB by
default). Files whose names begin with a dot are certfleet's drafts; HAProxy ignores them. The folder, and the folder of
\`crtList\`, must belong to root or to the user that runs certfleet.`,
  connect({ options, name, world }): Deployer {
    const { files } = world;
    const target = targetName('haproxy', name);
    const admin = createHaproxyAdmin({ streams: world.streams, clock: world.clock, socket: options.socket });
    const folder = options.certificates;
    const fileOf = (lineage: string): string => join(folder, `${lineage}.pem`);
    const draftOf = (lineage: string, id: string): string => join(folder, `.draft-${lineage}~${id}.pem`);
    const within = <T>(path: string, certificate: string, work: (inside: FilesWithin) => Promise<T>): Promise<T> => {
      const refuse = (reason: string) => fail('deploy/unsafe-folder', { target, certificate, reason });
      return files.within(path, { owners: [], refuse }, work);
    };
    const pemOf = (version: VersionBundle): string => bundlePem(version.fullchainPem, version.keyPem.reveal());

    /** Returns the list that the certificate belongs to, or undefined if a bind line names its file alone. */
    async function findList(lineage: string, signal: AbortSignal): Promise<string | undefined> {
      const known = await admin.lists(signal);
      const wanted = options.crtList ?? folder;
      if (known.includes(wanted)) return wanted;
      if (options.crtList === undefined && (await admin.certificate(fileOf(lineage), signal))?.used) return undefined;
      const line = `ssl strict-sni ${options.crtList === undefined ? 'crt' : 'crt-list'} ${wanted}`;
      throw new Error(
        `HAProxy does not use ${wanted}${known.length > 0 ? `, only ${known.join(', ')}` : ''}; name it in a bind line: ${line}`,
      );
    }

    /** Reports whether the crt-list on disk, which a restart reads, names the file. */
    async function onDiskList(file: string): Promise<{ readonly listed: boolean; readonly text: string }> {
      if (options.crtList === undefined) return { listed: true, text: '' };
      const text = Buffer.from((await files.read(options.crtList, listOptions)) ?? '').toString('utf8');
      const names = text.split('\n').map((line) => line.trim().split(/\s/)[0] ?? '');
      // An entry may also be relative to crt-base.
      return { listed: names.some((entry) => entry === file || entry === basename(file)), text };
    }

    async function writeToDisk(lineage: string, pem: string | Uint8Array): Promise<void> {
      const file = fileOf(lineage);
      await within(folder, lineage, (inside) => inside.replace(file, pem, { mode: 0o600 }));
      const { crtList } = options;
      const { listed, text } = await onDiskList(file);
      if (listed || crtList === undefined) return;
      // Written after the PEM, because HAProxy does not start with a list that names a missing file. Appends instead of
      // replacing, because other processes may append at the same time, and the list may be a symlink of root or
      // another user's file.
      const line = `${text === '' || text.endsWith('\n') ? '' : '\n'}${file}\n`;
      await within(dirname(crtList), lineage, (inside) => inside.append(crtList, line));
    }

    return {
      type: 'haproxy',
      scope: 'node',

      look: (version, signal) =>
        onTarget(target, version.lineage, signal, async () => {
          const file = fileOf(version.lineage);
          const serves = await admin.certificate(file, signal);
          const { content, isOurs } = await within(folder, version.lineage, async (inside) => {
            const stat = await inside.stat(file);
            return {
              content: await inside.read(file),
              isOurs: stat?.mode === 0o600 && (stat.uid === inside.uid || stat.uid === 0),
            };
          });
          if (!serves?.used && !content) return { state: 'absent', detail: `HAProxy has no ${file}` };
          if (!serves?.used) return { state: 'stale', detail: `${file} is on disk, but HAProxy does not use it` };
          if (serves.sha1 !== sha1Of(version.certPem))
            return { state: 'stale', detail: `HAProxy has another certificate as ${file}` };
          const wanted = Buffer.from(pemOf(version));
          if (!content || !wanted.equals(Buffer.from(content)) || !isOurs)
            return { state: 'stale', detail: `HAProxy uses it, but ${file} on disk differs` };
          if (!(await onDiskList(file)).listed)
            return { state: 'stale', detail: `HAProxy uses it, but ${options.crtList} does not name ${file}` };
          return { state: 'current', detail: file };
        }),

      stage: (version, _note, signal) =>
        onTarget(target, version.lineage, signal, async () => {
          const { lineage, id } = version;
          if (!isAdminWord(lineage) || lineage.startsWith('.') || lineage.includes('/'))
            throw new Error('its name cannot be a file name here');
          await findList(lineage, signal);
          await removeDrafts(lineage);
          // Tests that the folder is writable and has space before HAProxy is changed.
          await within(folder, lineage, (inside) =>
            inside.replace(draftOf(lineage, id), pemOf(version), { mode: 0o600 }),
          );
          return null;
        }),

      activate: (version, _staged, _note, signal) =>
        onTarget(target, version.lineage, signal, async () => {
          const file = fileOf(version.lineage);
          const list = await findList(version.lineage, signal);
          const before = await within(folder, version.lineage, (inside) => inside.read(file));
          try {
            await admin.install(file, pemOf(version), list, signal);
          } catch (error) {
            // The response may contain the payload, so the key is removed before it becomes a message.
            throw error instanceof Error ? withoutKeyIn(error, version) : error;
          }
          // HAProxy already uses the certificate, so the disk must follow even after an abort. `look` detects a kill in
          // between.
          try {
            await writeToDisk(version.lineage, pemOf(version));
          } catch (error) {
            const calm = new AbortController().signal;
            if (before) await admin.install(file, Buffer.from(before).toString('utf8'), list, calm).catch(() => {});
            else await admin.withdraw(file, list, calm).catch(() => {});
            throw error;
          }
          await removeDrafts(version.lineage);
        }),

      retire: (old, _receipt, signal) => onTarget(target, old.lineage, signal, () => removeDrafts(old.lineage)),
    };

    /** Removes drafts and what killed processes left, because they contain a private key. */
    async function removeDrafts(lineage: string): Promise<void> {
      await within(folder, lineage, async (inside) => {
        for (const entry of (await inside.list(folder)) ?? [])
          if (entry.startsWith(`.draft-${lineage}~`)) await inside.remove(join(folder, entry));
        await removeLeftTemporaries(inside, folder, world);
      });
    }
  },
});

/** The list may be a symlink. The limit is enough for 100,000 lines of 160 bytes. */
const listOptions = { named: true, maxBytes: 16 * 1024 * 1024 } as const;

const sha1Of = (certPem: string): string => {
  const base64 = /-----BEGIN CERTIFICATE-----([^-]+)-----END/.exec(certPem)?.[1] ?? '';
  return createHash('sha1').update(Buffer.from(base64, 'base64')).digest('hex').toUpperCase();
};

function withoutKeyIn(error: Error, version: VersionBundle): Error {
  const message = withoutKey(error.message, version.keyPem);
  return message === error.message ? error : new Error(message);
}
