import type { Cache } from './cache.ts';
import type { Clock } from './clock.ts';
import type { Dns } from './dns.ts';
import type { Files } from './files.ts';
import type { Http } from './http.ts';
import type { Log } from './log.ts';
import type { Person } from './person.ts';
import type { Processes } from './processes.ts';
import type { Random } from './random.ts';
import type { Streams } from './streams.ts';
import type { Vantage } from './vantage.ts';

/**
 * Everything outside this process, as one object. Adapters get it, and tests replace parts of it to trace, interrupt or
 * simulate effects. Created in `lib/world.ts`.
 */
export interface World {
  readonly clock: Clock;
  readonly random: Random;
  readonly files: Files;
  readonly processes: Processes;
  readonly dns: Dns;
  readonly streams: Streams;
  readonly vantage: Vantage;
  readonly log: Log;
  /** Undefined where nothing may be left on the machine, as in most tests. */
  readonly cache?: Cache | undefined;
  /** Undefined without a terminal, and where no one may be asked. */
  readonly person?: Person | undefined;
  /** Returns the host name of this machine or container. */
  hostName(): string;
  /** Returns all addresses of a host, as programs on this machine find them (hosts file included). */
  lookup(host: string, signal: AbortSignal): Promise<readonly string[]>;
  /** Creates an HTTP client; the world's `close()` closes it. */
  http(options?: HttpOptions): Http;
  close(): Promise<void>;
}

export interface HttpOptions {
  /** A PEM file with roots to trust in addition to the system's. */
  readonly caFile?: string;
  /** Trust only the roots of `caFile`. A proxy may still have a certificate from the system's roots. */
  readonly onlyThisCa?: boolean;
  /** The paths of URLs are secrets, so messages and log lines have the host alone. */
  readonly hidesPaths?: boolean;
  /** How many connections to open to one origin (default 16). */
  readonly connections?: number;
}
