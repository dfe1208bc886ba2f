import { lookup } from 'node:dns/promises';
import { hostname } from 'node:os';
import { orAborted } from '../core/async/on-abort.ts';
import { fail, reasonOf } from '../core/errors/errors.ts';
import type { Http } from '../ports/http.ts';
import type { Log } from '../ports/log.ts';
import type { Person } from '../ports/person.ts';
import type { World } from '../ports/world.ts';
import { createCache } from './cache.ts';
import { systemClock } from './clock.ts';
import { createDns } from './dns/dns.ts';
import { createFiles } from './files/files.ts';
import { createHttp } from './http/http.ts';
import { userAgent } from './http/user-agent.ts';
import { loggedHttp, loggedVantage } from './logged.ts';
import { createProcesses } from './processes/processes.ts';
import { systemRandom } from './random.ts';
import { createStreams } from './streams.ts';
import { createVantage } from './vantage.ts';

/** The system's resolver can wait minutes for a silent name server, and cannot be stopped. */
const lookupMs = 10_000;

/** Creates the real world. Opens nothing before it is used. */
export function createWorld(context: {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly log: Log;
  readonly person?: Person | undefined;
}): World {
  const clock = systemClock;
  const opened = new Set<Http>();
  const files = createFiles();
  return {
    clock,
    random: systemRandom,
    files,
    cache: createCache(files, context.env),
    processes: createProcesses(clock),
    dns: createDns(clock),
    streams: createStreams(clock),
    vantage: loggedVantage(createVantage({ clock }), { log: context.log, clock }),
    log: context.log,
    person: context.person,
    hostName: hostname,
    async lookup(host, signal) {
      const deadline = clock.deadline(lookupMs, signal);
      try {
        return (await orAborted(lookup(host, { all: true }), deadline.signal)).map((found) => found.address);
      } catch (cause) {
        signal.throwIfAborted();
        throw fail('network/failed', { method: 'lookup', url: host, reason: reasonOf(cause) }, { cause });
      } finally {
        deadline.done();
      }
    },
    http(options = {}) {
      const http = createHttp({ ...options, env: context.env, userAgent }, clock);
      opened.add(http);
      const close = async () => {
        opened.delete(http);
        await http.close();
      };
      return loggedHttp({ ...http, close }, { log: context.log, clock }, options.hidesPaths);
    },
    async close() {
      const all = [...opened];
      opened.clear();
      await Promise.all(all.map((http) => http.close()));
    },
  };
}
