import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { checkAccess } from './access.ts';
import { ApiError } from './api-error.ts';
import { certificateActions } from './certificates.ts';
import { extensionActions } from './extensions.ts';
import type { Action, Call } from './find.ts';
import { groupActions } from './groups.ts';
import { listenerActions } from './listeners.ts';
import type { Cloud } from './model.ts';
import type { AccessKey, AlibabaClbOptions } from './options.ts';
import { readParameters } from './parameters.ts';
import { uuid } from './random.ts';
import { ruleActions } from './rules.ts';
import { createVerifier } from './signature.ts';
import { tagActions } from './tags.ts';
import { toXml } from './xml.ts';

const actions: Readonly<Record<string, Action>> = {
  ...listenerActions,
  ...groupActions,
  ...ruleActions,
  ...certificateActions,
  ...extensionActions,
  ...tagActions,
};

/** Whether the action changes something: everything but the questions. */
export const changesSomething = (action: string): boolean => !/^(Describe|List)/.test(action);

/** One call as the API saw it. */
export interface CallRecord {
  readonly action: string;
  readonly requestId: string;
  readonly parameters: Readonly<Record<string, string>>;
  /** The error code; undefined after success. */
  readonly code: string | undefined;
  /** The change was made and its answer lost. */
  readonly lost: boolean;
}

/** What a test wants to happen to the next calls. */
export interface Fault {
  /** Absent: any action; `changes`: any that changes something. */
  readonly action?: string;
  readonly times?: number;
  /** Lets so many matching calls through first. */
  readonly after?: number;
  /** An error in place of the call. */
  readonly code?: string;
  readonly message?: string;
  readonly status?: number;
  /** Something that is no answer of the API, such as a proxy's page. */
  readonly raw?: { readonly status: number; readonly body: string };
  /** Cuts the connection before the call is made, or after it has been made. */
  readonly cut?: 'before' | 'after';
  /** Makes the call, and never answers: its client stays at this point. */
  readonly hang?: true;
  readonly delayMs?: number;
}

export interface ApiServer {
  readonly server: Server;
  readonly records: readonly CallRecord[];
  addKey(key: AccessKey): void;
  inject(fault: Fault): void;
  clearFaults(): void;
  set(changes: Partial<Pick<AlibabaClbOptions, 'callsPerSecond' | 'loseAnswers'>>): void;
}

interface Planned extends Fault {
  left: number;
  skip: number;
}

export function createApiServer(
  cloud: Cloud,
  options: AlibabaClbOptions,
  context: Omit<Call, 'cloud' | 'parameters'>,
): ApiServer {
  const keys = [...options.keys];
  const verifier = createVerifier(keys);
  const records: CallRecord[] = [];
  let faults: Planned[] = [];
  let { callsPerSecond = Number.POSITIVE_INFINITY, loseAnswers = 0 } = options;
  /** The calls of the current second, by key. */
  const recent = new Map<string, number[]>();

  function throttle({ id }: AccessKey): void {
    const now = Date.now();
    const times = (recent.get(id) ?? []).filter((time) => now - time < 1000);
    recent.set(id, times);
    if (times.length >= callsPerSecond) throw new ApiError('Throttling.User');
    if (callsPerSecond !== Number.POSITIVE_INFINITY) times.push(now);
  }

  function nextFault(action: string): Fault | undefined {
    const found = faults.find(
      (fault) =>
        fault.left > 0 &&
        (fault.action === undefined ||
          fault.action === action ||
          (fault.action === 'changes' && changesSomething(action))),
    );
    if (found === undefined) return undefined;
    if (found.skip > 0) {
      found.skip--;
      return undefined;
    }
    found.left--;
    return found;
  }

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks);
    const requestId = uuid(cloud.random);
    const { pathname, search } = new URL(request.url ?? '/', 'http://api');
    const query = search.slice(1);
    const action = String(request.headers['x-acs-action'] ?? '');
    const given = Object.fromEntries(new URLSearchParams(query));
    if ('PrivateKey' in given) given['PrivateKey'] = '***';
    let code: string | undefined;
    let fault: Fault | undefined;
    let answer: { status: number; body: Record<string, unknown> };
    try {
      const found = findAction(request, action);
      const signed = { method: request.method ?? '', path: pathname, query, headers: request.headers, body };
      const key = verifier.verify(signed, cloud.now());
      fault = nextFault(action);
      if (fault?.delayMs !== undefined) await new Promise((passed) => setTimeout(passed, fault?.delayMs));
      if (fault?.cut === 'before') return void request.socket.destroy();
      if (fault?.raw !== undefined) {
        response.writeHead(fault.raw.status, { 'content-type': 'text/html' }).end(fault.raw.body);
        return;
      }
      if (fault?.code !== undefined)
        throw new ApiError(fault.code, {
          ...(fault.message === undefined ? {} : { message: fault.message }),
          ...(fault.status === undefined ? {} : { status: fault.status }),
        });
      const call: Call = { ...context, cloud, parameters: readParameters(query) };
      checkAccess(key, `slb:${action}`, found.resources(call), cloud.account, cloud.behaviour);
      throttle(key);
      answer = { status: 200, body: { RequestId: requestId, ...found.run(call) } };
    } catch (error) {
      const refusal = error instanceof ApiError ? error : new ApiError('InternalError', { message: String(error) });
      code = refusal.code;
      answer = { status: refusal.status, body: errorBody(refusal, requestId) };
    }
    const lost =
      code === undefined &&
      changesSomething(action) &&
      (fault?.cut === 'after' || (loseAnswers > 0 && cloud.random() < loseAnswers));
    records.push({ action, requestId, parameters: given, code, lost });
    if (fault?.hang) return;
    if (lost || fault?.cut === 'after') return void request.socket.destroy();
    reply(request, response, action, given['Format'], answer);
  }

  function reply(
    request: IncomingMessage,
    response: ServerResponse,
    action: string,
    format: string | undefined,
    { status, body }: { status: number; body: Record<string, unknown> },
  ): void {
    const accept = request.headers.accept ?? '';
    const named = format?.toLowerCase() ?? (/json/.test(accept) ? 'json' : /xml/.test(accept) ? 'xml' : undefined);
    const xml = (named ?? cloud.behaviour.defaultFormat) === 'xml';
    const text = xml ? toXml(status === 200 ? `${action}Response` : 'Error', body) : JSON.stringify(body);
    response.writeHead(status, {
      'content-type': xml ? 'text/xml;charset=utf-8' : 'application/json;charset=utf-8',
      'content-length': Buffer.byteLength(text),
      'x-acs-request-id': String(body['RequestId']),
    });
    response.end(text);
  }

  const server = createServer({ maxHeaderSize: 256 * 1024 }, (request, response) => {
    handle(request, response).catch(() => request.socket.destroy());
  });
  // Longer than clients keep an idle connection, so that a call is never lost by chance.
  server.keepAliveTimeout = 60_000;
  return {
    server,
    records,
    addKey: (key) => void keys.push(key),
    inject: (fault) => faults.push({ ...fault, left: fault.times ?? 1, skip: fault.after ?? 0 }),
    clearFaults: () => {
      faults = [];
    },
    set(changes) {
      callsPerSecond = changes.callsPerSecond ?? callsPerSecond;
      loseAnswers = changes.loseAnswers ?? loseAnswers;
    },
  };
}

function findAction(request: IncomingMessage, action: string): Action {
  if (request.method !== 'GET' && request.method !== 'POST') throw new ApiError('UnsupportedHTTPMethod');
  const found = Object.hasOwn(actions, action) ? actions[action] : undefined;
  if (found === undefined || new URL(request.url ?? '/', 'http://api').pathname !== '/')
    throw new ApiError('InvalidAction.NotFound');
  if (request.headers['x-acs-version'] !== '2014-05-15') throw new ApiError('InvalidVersion');
  return found;
}

const errorBody = (error: ApiError, requestId: string): Record<string, unknown> => ({
  RequestId: requestId,
  HostId: 'slb.aliyuncs.com',
  Code: error.code,
  Message: error.message,
  Recommend: `https://api.aliyun.com/troubleshoot?q=${error.code}&product=Slb&requestId=${requestId}`,
  ...error.details,
});
