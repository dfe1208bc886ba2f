import { createHash } from 'node:crypto';
import { isAbsolute, join, relative } from 'node:path';
import { removeLeftTemporaries } from '../clients/folders/left-temporaries.ts';
import { createTurns } from '../core/async/turns.ts';
import { type CertfleetError, fail, reasonOf } from '../core/errors/errors.ts';
import { isToken, toBase64url } from '../core/text/encoding.ts';
import type { Json } from '../core/text/json.ts';
import { defineSolver, wholePath, z } from '../define.ts';
import { isTemporaryName } from '../lib/files/files.ts';
import type { FilesWithin } from '../ports/files.ts';
import type { ProcessIdentity } from '../ports/processes.ts';
import type { Solver, SolverChallenge } from '../ports/solver.ts';

const challengeFolders = ['.well-known', '.well-known/acme-challenge'] as const;
// Independent of the umask, because a web server that runs as another user must be able to read the files.
const folderMode = 0o755;
const fileMode = 0o644;
// A key authorization has at most 256 + 1 + 43 bytes, so longer files are not certfleet's.
const maxFileBytes = 1_024;
// Another process may remove the empty folders after this one creates them and before it writes.
const maxTries = 3;
// A preflight needs its probe file for a few seconds. An older one whose process cannot be checked (another machine, an
// earlier boot, another container) was left behind.
const probeLifetimeMs = 60_000;

const folder = wholePath();

// One process may have several solvers on one folder; each has its own probe file.
let instances = 0;

/** Answers HTTP-01 challenges with files in folders that a web server already serves. */
export default defineSolver({
  id: 'http01-webroot',
  title: 'HTTP-01 webroot',
  since: '0.1.0',
  answers: ['http-01'],
  notes: [
    'Writes `.well-known/acme-challenge/<token>` (mode 0644) below each folder and removes it afterwards, together with',
    'the two folders if certfleet created them and they are empty. Name the folder that the web server serves on port 80.',
    'If you name several, such as mounts of several nodes, all must be writable.',
    '',
    'The folder may belong to the web server. A symbolic link in it, such as `.well-known/acme-challenge`, is followed only',
    'if it leads to a folder of the same owner.',
    '',
    'With `layout: answers`, the answers are written into the folders themselves, for a server that leads',
    '`/.well-known/acme-challenge/` there (`alias` of nginx, `Alias` of Apache, `WELLKNOWN` of dehydrated).',
    '',
    'A crash may leave an empty `.well-known/acme-challenge`, if it is not recorded who created it.',
  ].join('\n'),
  options: z.object({
    folders: z
      .union([folder, z.array(folder).min(1)])
      .meta({ title: 'Folder or folders that the web server serves', examples: ['/var/www/html'], local: true }),
    layout: z
      .enum(['webroot', 'answers'])
      .default('webroot')
      .meta({ title: '`answers`: the folders contain the answers themselves, and the server leads the path there' }),
  }),

  connect({ options, name, world, storeId }): Solver {
    const { files, processes, clock } = world;
    const roots = typeof options.folders === 'string' ? [options.folders] : options.folders;
    /** The folders that are created below each root. */
    const below: readonly string[] = options.layout === 'answers' ? [] : challengeFolders;
    const inChallenges = (root: string, file = ''): string => join(root, below.at(-1) ?? '', file);
    /** Folders that certfleet created. All challenges share them, because the first one creates them for the others. */
    const made = new Set<string>();

    const probePrefix = `certfleet-probe-${digest(`${storeId}\n${name}`)}-`;
    const machine = ({ bootId, pidNamespace }: ProcessIdentity): string => digest(`${bootId}\n${pidNamespace}`);
    const self = processes.self();
    const probeName = `${probePrefix}${machine(self)}-${self.pid}-${self.startTime}-${++instances}`;
    /** Lineages that need the probe file now. It is written and removed one at a time. */
    const probing = new Set<string>();
    /** The content of the probe file while it exists. It is random, so that only the right folder serves it. */
    let probeBody: string | undefined;
    const turns = createTurns(1);
    /**
     * Tokens that this process answers now, with their lineages. The CA may give two lineages of one account the same
     * pending authorization, and so the same token. The folders stay while there is a token.
     */
    const answered = new Map<string, Set<string>>();

    /**
     * Works in a webroot, which may belong to the web server. Links in it may only lead to folders of the same owner.
     */
    const within = <T>(root: string, work: (inside: FilesWithin) => Promise<T>): Promise<T> =>
      files.within(root, { owners: 'any', refuse: (reason) => new LeadsElsewhere(reason) }, work);

    /** Returns the content of a small regular file, undefined if the name does not exist, or null for anything else. */
    const contentOf = async (inside: FilesWithin, path: string): Promise<string | null | undefined> => {
      const stat = await inside.stat(path);
      if (!stat) return undefined;
      if (stat.kind !== 'file' || stat.size > maxFileBytes) return null;
      const bytes = await inside.read(path);
      return bytes && new TextDecoder().decode(bytes);
    };

    const checkRoot = async (inside: FilesWithin, root: string): Promise<void> => {
      const kind = (await inside.stat(root))?.kind;
      if (kind !== 'folder') throw unwritable(root, 'no such folder');
    };

    const write = async (root: string, file: string, content: string): Promise<void> => {
      for (let tries = 1; ; tries++) {
        try {
          return await within(root, async (inside) => {
            await checkRoot(inside, root);
            for (const path of await inside.makeFolders(inChallenges(root), folderMode)) made.add(path);
            await inside.replace(inChallenges(root, file), content, { mode: fileMode, losable: 'all' });
          });
        } catch (error) {
          if (tries === maxTries || (error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
        }
      }
    };

    /** After the last challenge, removes the empty challenge folders in `root` that certfleet created. */
    const removeFolders = async (inside: FilesWithin, root: string, madeBefore: readonly string[]): Promise<void> => {
      for (const path of madeBefore) made.add(path);
      if (answered.size > 0 || probing.size > 0) return;
      for (const name of below.toReversed()) {
        const path = join(root, name);
        if (made.has(path) && (await inside.removeFolderIfEmpty(path))) made.delete(path);
      }
    };

    /** Returns the names in the challenge folder; none if it or the root is missing, or is not a folder. */
    const list = async (inside: FilesWithin, root: string): Promise<readonly string[]> =>
      (await inside.list(inChallenges(root))) ?? [];

    /** Removes temporary files of an interrupted `replace`: complete ones at once, partial ones once they are old. */
    const removeTemporaries = async (inside: FilesWithin, root: string, content: string): Promise<void> => {
      for (const file of await list(inside, root)) {
        if (!isTemporaryName(file)) continue;
        const path = inChallenges(root, file);
        const found = await contentOf(inside, path);
        if (typeof found !== 'string' || !content.startsWith(found)) continue;
        if (found === content || (await isOlder(inside, path))) await inside.remove(path);
      }
    };

    const isOlder = async (inside: FilesWithin, path: string): Promise<boolean> => {
      const stat = await inside.stat(path);
      return stat !== undefined && clock.now().getTime() - stat.modifiedMs > probeLifetimeMs;
    };

    /** Removes probe files of processes that no longer exist, and their empty temporary files. */
    const removeDeadProbes = async (inside: FilesWithin, root: string): Promise<void> => {
      // Any other temporary file is removed with the challenge that its content belongs to.
      await removeLeftTemporaries(inside, inChallenges(root), world, ({ size }) => size === 0);
      for (const file of await list(inside, root)) {
        if (!file.startsWith(probePrefix) || file === probeName) continue;
        const path = inChallenges(root, file);
        const [where, pid, startTime] = file.slice(probePrefix.length).split('-');
        if (where === machine(self)) {
          if (processes.look({ ...self, pid: Number(pid), startTime: startTime ?? '' }) === 'alive') continue;
        } else if (!(await isOlder(inside, path))) {
          continue;
        }
        await inside.remove(path);
      }
    };

    /** Removes certfleet's files. If a link now leads elsewhere, none of them can be reached. */
    const tidy = (root: string, work: (inside: FilesWithin) => Promise<void>): Promise<void> =>
      guard(root, () =>
        within(root, work).catch((error: unknown) => {
          if (!(error instanceof LeadsElsewhere)) throw error;
        }),
      );

    const checkRoots = async (): Promise<void> => {
      for (const root of roots) {
        // Reading also finds a link that would be refused.
        await guard(root, () =>
          within(root, async (inside) => {
            await checkRoot(inside, root);
            await inside.list(inChallenges(root));
          }),
        );
      }
    };

    return {
      type: 'http01-webroot',
      answers: ['http-01'],
      answeredBy: 'the web server that serves the webroot',

      async preflight(_identifier, signal) {
        signal.throwIfAborted();
        await checkRoots();
      },

      async describePath(_identifier, signal) {
        signal.throwIfAborted();
        await checkRoots();
        const finding = `during an order it writes a file below ${roots.join(' and ')}`;
        return { hops: [{ at: 'solver', state: 'well', finding }] };
      },

      // Each process has its own probe file, named by PID and start time, so that another process's `withdraw` does not
      // remove it. The lineages of this process share the file, and the last one removes it.
      async prepare(lineage, _identifiers, signal) {
        signal.throwIfAborted();
        probing.add(lineage);
        const body = await turns.run(async () => {
          if (probeBody !== undefined) return probeBody;
          const made = toBase64url(world.random.bytes(32));
          for (const root of roots) {
            await guard(root, async () => {
              signal.throwIfAborted();
              await within(root, (inside) => removeDeadProbes(inside, root));
              await write(root, probeName, made);
            });
          }
          probeBody = made;
          return made;
        });
        return { probe: { path: `/${challengeFolders[1]}/${probeName}`, body } };
      },

      async withdraw(lineage, signal) {
        signal.throwIfAborted();
        probing.delete(lineage);
        await turns.run(async () => {
          if (probing.size > 0) return;
          probeBody = undefined;
          for (const root of roots) {
            signal.throwIfAborted();
            await tidy(root, async (inside) => {
              await inside.remove(inChallenges(root, probeName));
              await removeDeadProbes(inside, root);
              await removeFolders(inside, root, []);
            });
          }
        });
      },

      async present(challenge, _note, signal) {
        signal.throwIfAborted();
        const { token, keyAuthorization, lineage } = challenge;
        if (!isToken(token)) throw fail('bug/unexpected', { reason: 'a token that is not base64url reached a solver' });
        answered.set(token, (answered.get(token) ?? new Set()).add(lineage));
        for (const root of roots) {
          await guard(root, async () => {
            signal.throwIfAborted();
            const found = await within(root, (inside) => contentOf(inside, inChallenges(root, token)));
            if (found === keyAuthorization) return;
            if (found !== undefined && !isOf(challenge, found)) {
              throw unwritable(
                root,
                `the file ${relative(root, inChallenges(root, token))} exists and is not certfleet’s`,
              );
            }
            await write(root, token, keyAuthorization);
          });
        }
        const folders = roots.flatMap((root) => below.map((name) => join(root, name)));
        const ours = folders.filter((path) => made.has(path));
        // If only the file was created, no receipt is needed, because the journalled spec says where it is.
        return ours.length === 0 ? null : { roots, made: ours };
      },

      async ready({ token, keyAuthorization }, _receipt, signal) {
        signal.throwIfAborted();
        for (const root of roots) {
          const content = await guard(root, () =>
            within(root, (inside) => contentOf(inside, inChallenges(root, token))),
          );
          if (content !== keyAuthorization) {
            return { ready: false, reason: `${inChallenges(root, token)} does not contain the answer` };
          }
        }
        return { ready: true };
      },

      async cleanup(challenge, receipt, signal) {
        signal.throwIfAborted();
        const { token, keyAuthorization, lineage } = challenge;
        if (!isToken(token)) return;
        const lineages = answered.get(token);
        // A failed write of this process has already removed its own temporary file.
        const isOwn = lineages !== undefined;
        lineages?.delete(lineage);
        if (lineages && lineages.size > 0) return;
        answered.delete(token);
        // Covers the folders of the current configuration, and those that the file was written to, if they differ.
        for (const root of new Set([...roots, ...strings(receipt, 'roots').filter(isAbsolute)])) {
          signal.throwIfAborted();
          await tidy(root, async (inside) => {
            const path = inChallenges(root, token);
            if (isOf(challenge, await contentOf(inside, path))) await inside.remove(path);
            if (!isOwn) {
              await removeTemporaries(inside, root, keyAuthorization);
              await removeDeadProbes(inside, root);
            }
            await removeFolders(inside, root, strings(receipt, 'made'));
          });
        }
      },
    };
  },
});

/** Reports whether a file answers this challenge, perhaps with an earlier account key (RFC 8555 §8.1). */
const isOf = ({ token }: SolverChallenge, content: string | null | undefined): boolean =>
  typeof content === 'string' && content.startsWith(`${token}.`);

const digest = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, 8);

const strings = (receipt: Json | undefined, field: string): readonly string[] => {
  const value = (receipt as Record<string, unknown> | null | undefined)?.[field];
  return Array.isArray(value) ? value.filter((entry): entry is string => typeof entry === 'string') : [];
};

const unwritable = (root: string, reason: string, cause?: unknown): CertfleetError =>
  fail('solver/webroot-unwritable', { folder: root, reason }, { cause });

/** Thrown for a link that must not be followed. The message names the link. */
class LeadsElsewhere extends Error {}

/** Adds the folder's name to system errors, which all functions of the `Files` port throw. */
async function guard<T>(root: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const isKnown = error instanceof Error && ('syscall' in error || error instanceof LeadsElsewhere);
    throw isKnown ? unwritable(root, reasonOf(error), error) : error;
  }
}
