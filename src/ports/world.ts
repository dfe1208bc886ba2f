import type { Clock } from './clock.ts';
import type { Dns } from './dns.ts';
import type { Files } from './files.ts';
import type { Http } from './http.ts';
import type { Log } from './log.ts';
import type { Processes } from './processes.ts';
import type { Random } from './random.ts';
import type { Streams } from './streams.ts';
import type { Vantage } from './vantage.ts';

/**
 * Everything outside this process, as one object: what adapters are given, and the one seam at which tests trace,
 * interrupt or simulate effects. Made in `lib/world.ts`.
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
  /** All addresses of a host, as any program on this machine would find them (hosts file included). */
  lookup(host: string, signal: AbortSignal): Promise<readonly string[]>;
  /** An HTTP client of its own; closed by `close()` of the world. */
  http(options?: HttpOptions): Http;
  close(): Promise<void>;
}

export interface HttpOptions {
  /** Roots to trust besides the system's, a PEM file. */
  readonly caFile?: string;
  /** Most connections to one origin (default 16). */
  readonly connections?: number;
}
