import { createHash } from 'node:crypto';
import { isAbsolute, join } from 'node:path';
import { isToken } from '../core/encoding.ts';
import { type CertfleetError, fail, reasonOf } from '../core/errors.ts';
import type { Json } from '../core/json.ts';
import { createTurns } from '../core/turns.ts';
import { defineSolver, wholePath, z } from '../define.ts';
import { isTemporaryName } from '../lib/files.ts';
import type { ProcessIdentity } from '../ports/processes.ts';
import type { Solver, SolverChallenge } from '../ports/solver.ts';

const challengeFolders = ['.well-known', '.well-known/acme-challenge'] as const;
// Whatever the umask and the caller: a web server that runs as another user must be able to read them.
const folderMode = 0o755;
const fileMode = 0o644;
// A key authorization has at most 256 + 1 + 43 bytes; what is longer is somebody else's.
const maxFileBytes = 1_024;
// Another process may remove the folders, found empty, between our making them and our writing.
const maxTries = 3;
// A preflight looks at its probe file for some seconds; what is older and whose process cannot be looked at (another
// machine, an earlier boot, another container) is left over.
const probeLifetimeMs = 60_000;

const folder = wholePath();

// One process may have several solvers on one folder; each has a probe file of its own.
let instances = 0;

/** Answers HTTP-01 challenges with files in folders that a web server already serves. */
export default defineSolver({
  id: 'http01-webroot',
  title: 'HTTP-01 webroot',
  since: '0.1.0',
  notes: [
    'Writes `.well-known/acme-challenge/<token>` (mode 0644) below each folder, and removes it afterwards; the two',
    'folders too, when certfleet made them and they are empty. Name the folder that the web server serves for the',
    'identifier on port 80. With several folders all of them must be writable: shared mounts of several nodes.',
    '',
    'After a crash at the wrong moment an empty `.well-known/acme-challenge` may stay: there is then no record of who made it.',
  ].join('\n'),
  options: z.object({
    folders: z
      .union([folder, z.array(folder).min(1)])
      .meta({ title: 'Folder or folders that the web server serves', examples: ['/var/www/html'] }),
  }),

  connect({ options, name, world, storeId }): Solver {
    const { files, processes, clock } = world;
    const roots = typeof options.folders === 'string' ? [options.folders] : options.folders;
    /** Folders that certfleet made. In memory for all challenges, because the first one makes them for the others. */
    const made = new Set<string>();

    const probePrefix = `certfleet-probe-${digest(`${storeId}\n${name}`)}-`;
    const machine = ({ bootId, pidNamespace }: ProcessIdentity): string => digest(`${bootId}\n${pidNamespace}`);
    const self = processes.self();
    const probeName = `${probePrefix}${machine(self)}-${self.pid}-${self.startTime}-${++instances}`;
    /** Lineages that look for the probe file now, and whether it is there; writing and removing go one after the other. */
    const probing = new Set<string>();
    let isThere = false;
    const turns = createTurns(1);
    /**
     * Tokens that this process answers now, and for which lineages: two of one account may be given the same pending
     * authorization, and so the same token. The folders stay while there is one.
     */
    const answered = new Map<string, Set<string>>();

    /** The content of a small plain file; undefined where there is none; null for anything else of that name. */
    const contentOf = async (path: string): Promise<string | null | undefined> => {
      const stat = await files.stat(path);
      if (!stat) return undefined;
      if (stat.kind !== 'file' || stat.size > maxFileBytes) return null;
      const bytes = await files.read(path);
      return bytes && new TextDecoder().decode(bytes);
    };

    const write = async (root: string, file: string, content: string): Promise<void> => {
      // With `/.` a symlink to a folder counts as the folder.
      const kind = (await files.stat(`${root}/.`))?.kind;
      if (kind !== 'folder') throw unwritable(root, 'no such folder');
      for (let tries = 1; ; tries++) {
        try {
          for (const path of await files.makeFolders(inChallenges(root), folderMode)) made.add(path);
          return await files.replace(inChallenges(root, file), content, { mode: fileMode, losable: 'all' });
        } catch (error) {
          if (tries === maxTries || (error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
        }
      }
    };

    /** Of the folders for challenges in `root`, those that certfleet made and that are empty, by the last one here. */
    const removeFolders = async (root: string, madeBefore: readonly string[]): Promise<void> => {
      for (const path of madeBefore) made.add(path);
      if (answered.size > 0 || probing.size > 0) return;
      for (const relative of challengeFolders.toReversed()) {
        const path = join(root, relative);
        if (made.has(path) && (await files.removeFolderIfEmpty(path))) made.delete(path);
      }
    };

    /** The names in the folder for challenges; none where it, or the root, is not there or no folder. */
    const list = async (root: string): Promise<readonly string[]> => {
      const path = inChallenges(root);
      const kind = (await files.stat(`${path}/.`))?.kind;
      return kind === 'folder' ? ((await files.list(path)) ?? []) : [];
    };

    /** Temporary files of a `replace` that a crash cut short: whole ones at once, parts when nobody can be at them. */
    const removeTemporaries = async (root: string, content: string): Promise<void> => {
      for (const file of await list(root)) {
        if (!isTemporaryName(file)) continue;
        const path = inChallenges(root, file);
        const found = await contentOf(path);
        if (typeof found !== 'string' || !content.startsWith(found)) continue;
        if (found === content || (await isOlder(path, probeLifetimeMs))) await files.remove(path);
      }
    };

    const isOlder = async (path: string, ageMs: number): Promise<boolean> => {
      const stat = await files.stat(path);
      return stat !== undefined && clock.now().getTime() - stat.modifiedMs > ageMs;
    };

    /** Probe files of processes that are gone. */
    const removeDeadProbes = async (root: string): Promise<void> => {
      for (const file of await list(root)) {
        if (!file.startsWith(probePrefix) || file === probeName) continue;
        const path = inChallenges(root, file);
        const [where, pid, startTime] = file.slice(probePrefix.length).split('-');
        if (where === machine(self)) {
          if (processes.look({ ...self, pid: Number(pid), startTime: startTime ?? '' }) === 'alive') continue;
        } else if (!(await isOlder(path, probeLifetimeMs))) {
          continue;
        }
        await files.remove(path);
      }
    };

    return {
      type: 'http01-webroot',
      answers: ['http-01'],

      // Each process has a probe file of its own, named by its pid and start time, so that no other one's `unprobe`
      // removes it while it is looked for; the lineages of this process share it and the last one removes it.
      async probe(lineage, signal) {
        signal.throwIfAborted();
        probing.add(lineage);
        await turns.run(async () => {
          if (isThere) return;
          for (const root of roots) {
            await guard(root, async () => {
              signal.throwIfAborted();
              await removeDeadProbes(root);
              await write(root, probeName, storeId);
            });
          }
          isThere = true;
        });
        return { path: `/${challengeFolders[1]}/${probeName}`, body: storeId };
      },

      async unprobe(lineage, signal) {
        signal.throwIfAborted();
        probing.delete(lineage);
        await turns.run(async () => {
          if (probing.size > 0) return;
          isThere = false;
          for (const root of roots) {
            await guard(root, async () => {
              signal.throwIfAborted();
              await files.remove(inChallenges(root, probeName));
              await removeDeadProbes(root);
              await removeFolders(root, []);
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
            const found = await contentOf(inChallenges(root, token));
            if (found === keyAuthorization) return;
            if (found !== undefined && !isOf(challenge, found)) {
              throw unwritable(root, `there is a file ${challengeFolders[1]}/${token} that is not certfleet’s`);
            }
            await write(root, token, keyAuthorization);
          });
        }
        const folders = roots.flatMap((root) => challengeFolders.map((relative) => join(root, relative)));
        const ours = folders.filter((path) => made.has(path));
        // Nothing to remember where nothing but the file was made: the journalled spec says where that is.
        return ours.length === 0 ? null : { roots, made: ours };
      },

      async ready({ token, keyAuthorization }, _receipt, signal) {
        signal.throwIfAborted();
        for (const root of roots) {
          const content = await guard(root, () => contentOf(inChallenges(root, token)));
          if (content !== keyAuthorization) {
            return { ready: false, reason: `${inChallenges(root, token)} does not hold the answer` };
          }
        }
        return { ready: true };
      },

      async cleanup(challenge, receipt, signal) {
        signal.throwIfAborted();
        const { token, keyAuthorization, lineage } = challenge;
        if (!isToken(token)) return;
        const lineages = answered.get(token);
        lineages?.delete(lineage);
        if (lineages && lineages.size > 0) return;
        answered.delete(token);
        // The folders of the present configuration, and those that the file was written to if that has changed since.
        for (const root of new Set([...roots, ...strings(receipt, 'roots').filter(isAbsolute)])) {
          await guard(root, async () => {
            signal.throwIfAborted();
            const path = inChallenges(root, token);
            if (isOf(challenge, await contentOf(path))) await files.remove(path);
            await removeTemporaries(root, keyAuthorization);
            await removeFolders(root, strings(receipt, 'made'));
          });
        }
      },
    };
  },
});

const inChallenges = (root: string, file = ''): string => join(root, challengeFolders[1], file);

/** Whether a file's content is the answer to this challenge, perhaps with an account key of before (RFC 8555 §8.1). */
const isOf = ({ token }: SolverChallenge, content: string | null | undefined): boolean =>
  typeof content === 'string' && content.startsWith(`${token}.`);

const digest = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, 8);

const strings = (receipt: Json | undefined, field: string): readonly string[] => {
  const value = (receipt as Record<string, unknown> | null | undefined)?.[field];
  return Array.isArray(value) ? value.filter((entry): entry is string => typeof entry === 'string') : [];
};

const unwritable = (root: string, reason: string, cause?: unknown): CertfleetError =>
  fail('solver/webroot-unwritable', { folder: root, reason }, { cause });

/** Says which folder it was when the system refuses; everything of the `Files` port throws system errors. */
async function guard<T>(root: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const isSystem = error instanceof Error && 'syscall' in error;
    throw isSystem ? unwritable(root, reasonOf(error), error) : error;
  }
}
