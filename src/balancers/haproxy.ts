import {
  answerForm,
  createMarkedFile,
  difference,
  type MarkedText,
  namesIn,
  ownedIn,
  type Piece,
  piece,
  tokenPath,
  tokenRules,
} from '../clients/folders/marked-file.ts';
import { createHaproxySocket, isAdminWord, socketPattern } from '../clients/haproxy/haproxy.ts';
import { createHaproxyMap, type HaproxyMap, type MapEntry } from '../clients/haproxy/map.ts';
import { fail, isFailure, reasonOf } from '../core/errors/errors.ts';
import { markIn } from '../core/request-path/own-mark.ts';
import { defineBalancer, wholePath, z } from '../define.ts';
import type { Balancer } from '../ports/balancer.ts';

/** Stands for "no limit", which HAProxy does not have here. */
const unlimited = 1_000_000;

const entryForm = new RegExp(`^(${tokenPath}) (${answerForm})$`);

export default defineBalancer({
  id: 'haproxy',
  title: 'HAProxy',
  homepage: 'https://docs.haproxy.org/3.0/management.html#9.3-add%20map',
  since: '0.1.0',
  options: z.strictObject({
    sockets: z
      .array(
        z
          .string()
          .regex(socketPattern, { error: 'a path, or host:port' })
          .refine(isAdminWord, { error: 'a path without spaces, semicolons and backslashes' }),
      )
      .min(1, { error: 'name at least one admin socket' })
      .meta({
        title: 'Admin sockets of all HAProxy processes that get requests for these names: paths, or host:port',
        examples: [['/run/haproxy/admin.sock']],
        local: true,
      }),
    map: wholePath()
      .refine(isAdminWord, {
        error: 'HAProxy’s admin commands do not allow spaces, semicolons or backslashes in a path',
      })
      .default('/etc/haproxy/certfleet-acme.map')
      .meta({
        title: 'Map file, written as in HAProxy’s configuration',
        examples: ['/etc/haproxy/certfleet-acme.map'],
      }),
  }),
  notes: `HAProxy answers challenges itself, so no node needs a responder or an open port. Needs HAProxy 2.2 or later (tested
with 3.0), \`stats socket /run/haproxy/admin.sock mode 600 level admin\`, an empty file (\`touch
/etc/haproxy/certfleet-acme.map\`), and in each frontend that gets the CA's requests, before any redirect:

\`\`\`haproxy
http-request return status 200 content-type text/plain lf-string "%[path,map(/etc/haproxy/certfleet-acme.map)]" if { path_beg /.well-known/acme-challenge/ } { path,map(/etc/haproxy/certfleet-acme.map) -m found }
\`\`\`

The line does nothing while the map has no entry for the path, so other ACME clients behind the same frontend keep
working. For each token, certfleet writes an entry into the file, with a comment that carries its mark, and adds it to
every HAProxy over the admin sockets: no reload is needed, no connection is closed, and a reload keeps the entry. Other
lines of the file stay as they are. Afterwards it removes the entry in memory first, then in the file.

The file is the one on this machine. An HAProxy on another machine, whose socket is \`host:port\`, gets the entries in
memory alone, and loses them in a reload unless it shares the file. Such a socket has no password: bind it to a private
address only. If one HAProxy of the list is down, the order fails and names it, since the CA may reach any of them. The
file's folder must belong to root or to the user that runs certfleet, who must be allowed to write in it. Installations
with stores of their own should have map files, and lines in the frontend, of their own.`,
  connect({ options, name, world }): Balancer {
    const balancer = `the balancer "${name}" (haproxy)`;
    const { map } = options;
    const maps = options.sockets.map((socket) =>
      createHaproxyMap(createHaproxySocket({ streams: world.streams, clock: world.clock, socket }), map),
    );
    const file = createMarkedFile({
      world,
      path: map,
      balancer,
      missing: `Create it (\`touch ${map}\`), add the line of the reference (\`http-request return …\`) to the frontend, and reload HAProxy.`,
      isOurs: (line) => entryForm.test(line),
    });

    /** Reads what every HAProxy has in memory. A failure here means that nothing was changed. */
    async function read(signal: AbortSignal): Promise<readonly Memory[]> {
      const action = `show map ${map}`;
      return await Promise.all(
        maps.map(async (one) => {
          const entries = await one.entries(signal).catch((cause: unknown) => {
            if (signal.aborted) throw signal.reason;
            throw fail(
              'balancer/refused',
              { balancer, action, reason: `${one.place}: ${reasonOf(cause)}`, advice: socketAdvice },
              { cause },
            );
          });
          if (entries) return { map: one, entries };
          throw fail('balancer/refused', {
            balancer,
            action,
            reason: `the HAProxy at ${one.place} has no map ${map}`,
            advice: 'Add the line `http-request return …` from the reference to its frontend, and reload HAProxy.',
          });
        }),
      );
    }

    /**
     * Changes the file and the memory of each HAProxy. A rule is in the file before the first memory has it, and until
     * the last one has removed it, so that it is found again after a crash at any point.
     */
    async function change(before: MarkedText, by: Change, signal: AbortSignal): Promise<void> {
      const { gone = [], added = [], entries = [], lost = [] } = by;
      const memories = await read(signal);
      const during = [...added, ...before];
      const after = during.filter((one) => !gone.includes(one));
      // Two orders of one account may have the same token, and then the same entry.
      const kept = new Set(entriesOf(after).map(([key]) => key));
      const keys = [...entriesOf(gone).map(([key]) => key), ...lost].filter((key) => !kept.has(key));
      if (added.length > 0) await file.write(during, signal);
      const done = await Promise.allSettled(
        memories.map(async ({ map: one, entries: has }) => {
          try {
            await one.remove(
              [...new Set(keys)].filter((key) => has.has(key)),
              signal,
            );
            await one.add(
              [...new Map(entries)].filter(([key]) => !has.has(key)),
              signal,
            );
            for (const [key, value] of entries)
              if (has.has(key) && has.get(key) !== value) await one.set([key, value], signal);
          } catch (cause) {
            if (signal.aborted) throw signal.reason;
            const reason = `${one.place}: ${reasonOf(cause)}`;
            throw fail('balancer/failed', { balancer, action: `changing the map ${map}`, reason }, { cause });
          }
        }),
      );
      for (const one of done) if (one.status === 'rejected') throw one.reason;
      if (gone.length > 0) await file.write(after, signal);
    }

    return {
      type: 'haproxy',
      resource: `haproxy ${options.sockets[0]}`,
      listener: map,
      mode: 'fixed-response',

      async inspect(signal) {
        const pieces = await file.read(signal);
        const memories = await read(signal);
        const ours = rulesOf(pieces).map(({ name, key }) => ({ name, path: key, action: 'answers a challenge' }));
        const known = new Set(ours.map(({ path }) => path));
        const foreign = new Set(
          memories.flatMap(({ entries }) => [...entries.keys()].filter((key) => !known.has(key))),
        );
        const others = [...foreign].map((path) => ({ name: path, path, action: 'answers what others wrote' }));
        return { matching: 'best', rules: [...ours, ...others], rulesLeft: unlimited };
      },

      async apply(wanted, known, signal) {
        const rules = tokenRules(wanted, balancer);
        const before = await file.read(signal);
        const pieces = rules.map(({ name, path, answer }) => piece(name, `${path} ${answer}`));
        await change(
          before,
          {
            ...difference(before, wanted.owner, pieces),
            entries: entriesOf(pieces),
            lost: receiptForm.safeParse(known).data ?? [],
          },
          signal,
        );
        return rules.map(({ path }) => path);
      },

      async state(wanted, _receipt, signal) {
        const rules = tokenRules(wanted, balancer);
        const pieces = await file.read(signal);
        const listed = new Set(namesIn(pieces));
        for (const { name } of rules)
          if (!listed.has(name)) return { ready: false, reason: `${map} has lost its entry ${name}` };
        const memories = await read(signal).catch((error: unknown) => {
          // HAProxy may just be restarting.
          if (isFailure(error, 'balancer/refused')) return error.message;
          throw error;
        });
        if (typeof memories === 'string') return { ready: false, reason: memories };
        for (const { map: one, entries } of memories) {
          const missing = rules.filter(({ path, answer }) => entries.get(path) !== answer).length;
          if (missing === 0) continue;
          return { ready: false, reason: `the HAProxy at ${one.place} lacks ${missing} of ${rules.length} answers` };
        }
        return { ready: true };
      },

      owned: async (signal) => ownedIn(await file.read(signal)),

      async removeOwned({ name }, signal) {
        const before = await file.read(signal);
        const gone = before.filter((one) => one.name === name && markIn(name));
        if (gone.length > 0) await change(before, { gone }, signal);
      },
    };
  },
});

interface Memory {
  readonly map: HaproxyMap;
  readonly entries: ReadonlyMap<string, string>;
}

interface Change {
  readonly gone?: readonly Piece[];
  readonly added?: readonly Piece[];
  /** The entries that every memory should have. */
  readonly entries?: readonly MapEntry[];
  /** Keys to remove that only the receipt names, because someone may have rewritten the file. */
  readonly lost?: readonly string[];
}

/** The receipt: the paths of the rules. */
const receiptForm = z.array(z.string().regex(new RegExp(`^${tokenPath}$`)));

const rulesOf = (pieces: MarkedText) =>
  pieces.flatMap(({ name, line }) => {
    const [, key, value] = entryForm.exec(line ?? '') ?? [];
    return name === undefined || key === undefined || value === undefined ? [] : [{ name, key, value }];
  });

const entriesOf = (pieces: MarkedText): readonly MapEntry[] => rulesOf(pieces).map(({ key, value }) => [key, value]);

const socketAdvice =
  'Check that HAProxy is running, that `sockets` names the `stats socket … level admin` of its configuration, and that certfleet’s user may use it.';
