import { listenOf } from '../../../config/settings/defaults.ts';
import { fail } from '../../../core/errors/errors.ts';
import { localAddresses, parseListenAddress } from '../../../core/names/listen-address.ts';
import type { Run } from '../../context.ts';
import { roleOf } from '../../flags/role.ts';

/** Less than the limits that supervisors set. */
const timeoutMs = 5_000;

/** `certfleet health`: asks the `certfleet run` of this machine or container how it is, as a supervisor does. */
export const health: Run = async (session) => {
  const settings = await session.settings();
  const listen = roleOf(session) === 'responder' ? listenOf(session.context.env) : settings.listen;
  if (!listen) throw fail('config/not-listening', {});
  const { streams } = await session.world();
  const path = session.invocation.flags['ready'] === true ? '/readyz' : '/healthz';
  const request = `GET ${path} HTTP/1.0\r\n\r\n`;
  const asked = { effect: 'GET', timeoutMs, signal: session.signal };
  const answer = await streams.converse(placeOf(listen.address), request, asked);
  const [, status] = /^HTTP\/1\.\d (\d{3})/.exec(answer) ?? [];
  if (!/^server: certfleet\r$/im.test(answer.slice(0, answer.indexOf('\r\n\r\n') + 1)))
    throw fail('network/unhealthy', { reason: `what answers at ${listen.address} is not \`certfleet run\`` });
  const problems = answer.slice(answer.indexOf('\r\n\r\n') + 4).trim();
  session.printJson({ object: 'health', isWell: status === '200', answer: problems });
  if (status !== '200') throw fail('network/unhealthy', { reason: problems.replaceAll('\n', ', ') });
  session.print(problems);
  return 0;
};

function placeOf(address: string): { readonly path: string } | { readonly host: string; readonly port: number } {
  if (address.startsWith('unix:')) return { path: address.slice('unix:'.length) };
  const { host, port } = parseListenAddress(address)!; // checked by the schema
  return { host: localAddresses(host)[0]!, port };
}
