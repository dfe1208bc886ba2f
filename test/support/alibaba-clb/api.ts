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
import { createVerifier, type SignedRequest } from './signature.ts';
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

/** A response, a cut connection, or no response at all. */
export type Outcome =
  | { readonly status: number; readonly headers: Readonly<Record<string, string>>; readonly body: string }
  | 'cut'
  | 'hang';

/** The API without a connection: checks and carries out one call after another. */
export interface Api {
  handle(request: SignedRequest): Promise<Outcome>;
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

export function createApi(
  cloud: Cloud,
  options: Pick<AlibabaClbOptions, 'keys' | 'callsPerSecond' | 'loseAnswers'>,
  context: Omit<Call, 'cloud' | 'parameters'>,
): Api {
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

  async function handle(request: SignedRequest): Promise<Outcome> {
    const { query, headers } = request;
    const requestId = uuid(cloud.random);
    const action = String(headers['x-acs-action'] ?? '');
    const given = Object.fromEntries(new URLSearchParams(query));
    if ('PrivateKey' in given) given['PrivateKey'] = '***';
    let code: string | undefined;
    let fault: Fault | undefined;
    let status = 200;
    let answer: Record<string, unknown>;
    try {
      const found = findAction(request, action);
      const key = verifier.verify(request, cloud.now());
      fault = nextFault(action);
      if (fault?.delayMs !== undefined) await new Promise((passed) => setTimeout(passed, fault?.delayMs));
      if (fault?.cut === 'before') return 'cut';
      if (fault?.raw !== undefined) return { ...fault.raw, headers: { 'content-type': 'text/html' } };
      if (fault?.code !== undefined)
        throw new ApiError(fault.code, {
          ...(fault.message === undefined ? {} : { message: fault.message }),
          ...(fault.status === undefined ? {} : { status: fault.status }),
        });
      const call: Call = { ...context, cloud, parameters: readParameters(query) };
      checkAccess(key, `slb:${action}`, found.resources(call), cloud.account, cloud.behaviour);
      throttle(key);
      answer = { RequestId: requestId, ...found.run(call) };
    } catch (error) {
      const refusal = error instanceof ApiError ? error : new ApiError('InternalError', { message: String(error) });
      code = refusal.code;
      status = refusal.status;
      answer = errorBody(refusal, requestId);
    }
    const lost =
      code === undefined &&
      changesSomething(action) &&
      (fault?.cut === 'after' || (loseAnswers > 0 && cloud.random() < loseAnswers));
    records.push({ action, requestId, parameters: given, code, lost });
    if (fault?.hang) return 'hang';
    if (lost || fault?.cut === 'after') return 'cut';
    const xml = isXml(given['Format'], headers.accept ?? '');
    const body = xml ? toXml(status === 200 ? `${action}Response` : 'Error', answer) : JSON.stringify(answer);
    return {
      status,
      headers: {
        'content-type': xml ? 'text/xml;charset=utf-8' : 'application/json;charset=utf-8',
        'content-length': String(Buffer.byteLength(body)),
        'x-acs-request-id': requestId,
      },
      body,
    };
  }

  function isXml(format: string | undefined, accept: string): boolean {
    const named = format?.toLowerCase() ?? (/json/.test(accept) ? 'json' : /xml/.test(accept) ? 'xml' : undefined);
    return (named ?? cloud.behaviour.defaultFormat) === 'xml';
  }

  return {
    handle,
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

function findAction({ method, path, headers }: SignedRequest, action: string): Action {
  if (method !== 'GET' && method !== 'POST') throw new ApiError('UnsupportedHTTPMethod');
  const found = Object.hasOwn(actions, action) ? actions[action] : undefined;
  if (found === undefined || path !== '/') throw new ApiError('InvalidAction.NotFound');
  if (headers['x-acs-version'] !== '2014-05-15') throw new ApiError('InvalidVersion');
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
