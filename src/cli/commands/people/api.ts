import { type ErrorCode, errorTable } from '../../../core/errors/error-table.ts';
import { CertfleetError, fail, isFailure, type ShownParams } from '../../../core/errors/errors.ts';
import { remoteText } from '../../../core/errors/remote-text.ts';
import { isFields } from '../../../core/text/json.ts';
import { present } from '../../../core/text/present.ts';
import type { Run, Session } from '../../context.ts';
import { listOf, textOf } from '../../flags/values.ts';

/** The path of a certificate may take as long. */
const timeoutMs = 180_000;
const apiPath = '/api/v1';
const methods = ['GET', 'POST', 'DELETE'];

/** `certfleet api METHOD PATH`: asks the `certfleet run` of this machine over its socket. */
export const api: Run = async (session) => {
  const { method, path } = wishOf(session);
  const socket = await socketOf(session);
  const { streams } = await session.world();
  const asked = { effect: `${method} ${path}`, timeoutMs, signal: session.signal };
  const answer = await streams.converse({ path: socket }, requestOf(session, method, path), asked).catch((error) => {
    if (!isFailure(error, 'network/failed')) throw error;
    const reason = String(error.params?.['reason'] ?? error.message);
    throw fail('network/not-running', { socket, reason }, { cause: error });
  });
  const [, status] = /^HTTP\/1\.\d (\d{3})/.exec(answer) ?? [];
  const body = answer.slice(answer.indexOf('\r\n\r\n') + 4);
  if (status === undefined) throw fail('network/not-running', { socket, reason: 'it does not speak HTTP' });
  const told = body === '' ? undefined : parsed(body);
  if (!status.startsWith('2')) throw failureIn(told, { socket, status });
  session.printJson({
    object: 'answer',
    status: Number(status),
    ...present({ answer: isFields(told) ? told : undefined }),
  });
  if (told !== undefined) session.printWhole(JSON.stringify(told, undefined, 2));
  return 0;
};

/** GET may be left out. */
function wishOf({ invocation: { args } }: Session): { readonly method: string; readonly path: string } {
  const [first = '', second] = args;
  const [method, path] = second === undefined ? ['GET', first] : [first.toUpperCase(), second];
  if (!methods.includes(method))
    throw fail('usage/unknown-value', { typed: method, known: 'GET, POST or DELETE', nearest: '' });
  if (!/^\/[\x21-\x7e]*$/.test(path))
    throw fail('usage/invalid-value', {
      typed: path,
      form: 'a path of the API, such as /certificates, with other characters as %20',
    });
  if (/^(\/api\/v1)?\/events(\?|$)/.test(path))
    throw fail('usage/invalid', { what: 'events have no end; follow them with `curl --no-buffer --unix-socket`' });
  return { method, path: path.startsWith(`${apiPath}/`) ? path : `${apiPath}${path}` };
}

async function socketOf(session: Session): Promise<string> {
  const { pages } = await session.settings();
  const socket = pages?.listen.find((address) => address.startsWith('unix:'));
  if (socket === undefined) throw fail('config/no-api-socket', {});
  return socket.slice('unix:'.length);
}

function requestOf({ invocation: { flags } }: Session, method: string, path: string): string {
  const body = bodyOf(textOf(flags['data']), listOf(flags['field']));
  const condition = textOf(flags['ifMatch']);
  if (condition !== undefined && /[\r\n]/.test(condition))
    throw fail('usage/invalid-value', { typed: '--if-match', form: 'an ETag or a revision on one line' });
  const lines = [
    `${method} ${path} HTTP/1.0`,
    'Host: localhost',
    ...(condition === undefined ? [] : [`If-Match: ${condition}`]),
    ...(method === 'GET' ? [] : [`Content-Length: ${Buffer.byteLength(body ?? '')}`]),
    ...(body === undefined ? [] : ['Content-Type: application/json']),
  ];
  if (method === 'GET' && body !== undefined)
    throw fail('usage/invalid', { what: 'GET sends nothing: leave out --data and --field' });
  return `${lines.join('\r\n')}\r\n\r\n${body ?? ''}`;
}

function bodyOf(data: string | undefined, fields: readonly string[]): string | undefined {
  if (data !== undefined && fields.length > 0)
    throw fail('usage/invalid', { what: '--data and --field cannot be used together' });
  if (data !== undefined) {
    if (parsed(data) === undefined) throw fail('usage/invalid-value', { typed: '--data', form: 'JSON' });
    return data;
  }
  if (fields.length === 0) return undefined;
  return JSON.stringify(
    Object.fromEntries(
      fields.map((field) => {
        const at = field.indexOf('=');
        if (at < 1) throw fail('usage/invalid-value', { typed: `--field ${field}`, form: 'name=value' });
        return [field.slice(0, at), field.slice(at + 1)];
      }),
    ),
  );
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

/** Returns what the problem document says, with its own code. */
function failureIn(told: unknown, at: { readonly socket: string; readonly status: string }): CertfleetError {
  const { code, title, hint, params } = isFields(told) ? told : {};
  if (typeof code !== 'string' || typeof title !== 'string' || !Object.hasOwn(errorTable, code))
    return fail('network/not-running', { socket: at.socket, reason: `it answered with the status ${at.status}` });
  const shown = isFields(params) ? (params as ShownParams) : {};
  const advice = typeof hint === 'string' ? remoteText(hint) : '';
  return new CertfleetError(code as ErrorCode, remoteText(title), advice, { params: shown });
}
