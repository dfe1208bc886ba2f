import { fail, reasonOf } from '../core/errors/errors.ts';
import { parseListenAddress } from '../core/names/listen-address.ts';
import { present } from '../core/text/present.ts';
import type { Listening, ListenPlace } from '../lib/http/guarded-server.ts';
import { findPortHolder } from '../lib/processes/port-holder.ts';
import type { World } from '../ports/world.ts';

const prefix = 'unix:';

/** Reports whether an address of `listen` is a Unix socket. */
export const isSocket = (address: string): boolean => address.startsWith(prefix);

/** Returns the path of a Unix socket. */
export const socketPath = (address: string): string => address.slice(prefix.length);

/** How to listen at an address. */
export interface Binding<T extends Listening> {
  readonly listen: (at: ListenPlace) => Promise<T>;
  /** The key of the configuration that names the address. */
  readonly option: string;
  /** Only the user of this process may open a socket. */
  readonly isPrivate?: true;
}

/** Listens at an address of the configuration. Fails with `config/cannot-listen`. */
export async function bind<T extends Listening>(
  binding: Binding<T>,
  address: string,
  world: Pick<World, 'files' | 'streams'>,
  signal: AbortSignal,
): Promise<T> {
  const { listen, option, isPrivate } = binding;
  try {
    return isSocket(address)
      ? await bindSocket(listen, { path: socketPath(address), ...present({ isPrivate }) }, world, signal)
      : await listen(parseListenAddress(address)!); // checked by the schema
  } catch (error) {
    const reason = await whyNot(error, address, world);
    throw fail('config/cannot-listen', { option, address, reason }, { cause: error });
  }
}

/** A process that was killed leaves its socket, which nothing answers. */
async function bindSocket<T>(
  listen: (at: ListenPlace) => Promise<T>,
  at: ListenPlace & { readonly path: string },
  { files, streams }: Pick<World, 'files' | 'streams'>,
  signal: AbortSignal,
): Promise<T> {
  const { path } = at;
  try {
    return await listen(at);
  } catch (error) {
    if (!isTaken(error) || (await files.stat(path))?.kind !== 'other') throw error;
    const look = { effect: 'look at a socket', timeoutMs: 2_000, signal };
    const isAnswered = await streams.converse({ path }, 'HEAD /healthz HTTP/1.0\r\n\r\n', look).then(
      () => true,
      () => false,
    );
    if (isAnswered) throw error;
    await files.remove(path);
    return listen(at);
  }
}

const isTaken = (error: unknown): boolean => (error as NodeJS.ErrnoException).code === 'EADDRINUSE';

async function whyNot(error: unknown, address: string, { files }: Pick<World, 'files'>): Promise<string> {
  if (isSocket(address)) {
    const path = socketPath(address);
    const folder = path.slice(0, path.lastIndexOf('/')) || '/';
    // Node says that it may not listen there.
    if (!(await files.stat(folder).catch(() => undefined))) return `there is no folder ${folder}`;
  }
  if (!isTaken(error)) return reasonOf(error);
  if (isSocket(address)) {
    const there = (await files.stat(socketPath(address)).catch(() => undefined))?.kind;
    if (there === undefined || there === 'other') return 'it is in use';
    return `a ${there === 'symlink' ? 'symbolic link' : there} is there, not a socket`;
  }
  const holder = await findPortHolder(parseListenAddress(address)!);
  return holder ? `${reasonOf(error)} by ${holder.name} (pid ${holder.pid})` : reasonOf(error);
}
