import { lastListen } from '../../../config/file/last-listen.ts';
import { listenOf } from '../../../config/settings/defaults.ts';
import { fail, isFailure } from '../../../core/errors/errors.ts';
import { localAddresses, parseListenAddress } from '../../../core/names/listen-address.ts';
import type { Run, Session } from '../../context.ts';
import { configurationPath } from '../../flags/configuration-path.ts';
import { roleOf } from '../../flags/role.ts';

/** Less than the limits that supervisors set. */
const timeoutMs = 5_000;

/** `certfleet health`: asks the `certfleet run` of this machine or container how it is, as a supervisor does. */
export const health: Run = async (session) => {
  const address = await addressOf(session);
  if (address === undefined) throw fail('config/not-listening', {});
  const { streams } = await session.world();
  const path = session.invocation.flags['ready'] === true ? '/readyz' : '/healthz';
  const request = `GET ${path} HTTP/1.0\r\n\r\n`;
  const asked = { effect: 'GET', timeoutMs, signal: session.signal };
  const answer = await streams.converse(placeOf(address), request, asked);
  const [, status] = /^HTTP\/1\.\d (\d{3})/.exec(answer) ?? [];
  if (!/^server: certfleet\r$/im.test(answer.slice(0, answer.indexOf('\r\n\r\n') + 1)))
    throw fail('network/unhealthy', { reason: `what answers at ${address} is not \`certfleet run\`` });
  const problems = answer.slice(answer.indexOf('\r\n\r\n') + 4).trim();
  session.printJson({ object: 'health', isWell: status === '200', answer: problems });
  if (status !== '200') throw fail('network/unhealthy', { reason: problems.replaceAll('\n', ', ') });
  session.print(problems);
  return 0;
};

/** A broken configuration says nothing about the process, which goes on with the one before. */
async function addressOf(session: Session): Promise<string | undefined> {
  const fromVariable = listenOf(session.context.env)?.address;
  if (roleOf(session) === 'responder') return fromVariable;
  try {
    return (await session.settings()).listen?.address;
  } catch (error) {
    if (!isFailure(error, 'config/')) throw error;
    const { cache } = await session.world();
    const address = fromVariable ?? (await lastListen(cache, configurationPath(session)));
    if (address === undefined) throw error;
    return address;
  }
}

function placeOf(address: string): { readonly path: string } | { readonly host: string; readonly port: number } {
  if (address.startsWith('unix:')) return { path: address.slice('unix:'.length) };
  const { host, port } = parseListenAddress(address)!; // checked by the schema
  return { host: localAddresses(host)[0]!, port };
}
