import { fail, isFailure } from '../../core/errors/errors.ts';
import type { Secret } from '../../core/errors/secret.ts';
import { type Fields, isFields } from '../../core/text/json.ts';
import { present } from '../../core/text/present.ts';
import type { World } from '../../ports/world.ts';
import { type BalancerTrouble, badList, balancerError } from '../http/balancer-errors.ts';
import { clockAdvice } from '../http/clock-advice.ts';
import {
  type ApiAnswer,
  createJsonApi,
  judgeByStatus,
  readFields,
  readList,
  readString,
  refusalOf,
  type Trouble,
  UnreadableAnswer,
  type Verdict,
} from '../http/json-api.ts';
import { LookAgain, untilKnown } from '../http/look-again.ts';
import { readPages } from '../http/pages.ts';
import { type HuaweiCall, type HuaweiKeyOptions, signedCalls } from './signed-calls.ts';

/** The options that the balancer and the deployer share. */
export interface ElbOptions extends HuaweiKeyOptions {
  readonly projectId?: string | undefined;
  readonly region: string;
  readonly endpoint?: string | undefined;
}

export interface ElbContext {
  readonly options: ElbOptions;
  /** The balancer in messages: `the balancer "web" (huawei-elb)`. */
  readonly title: string;
  /** The name in the configuration. */
  readonly name: string;
  readonly world: Pick<World, 'clock' | 'random' | 'log' | 'http'>;
}

export interface ElbListener {
  readonly id: string;
  readonly port: number;
  readonly protocol: string;
  /** Whether policies have priorities (`enhance_l7policy_enable`). */
  readonly isAdvanced: boolean;
  readonly certificate: string | undefined;
  /** The certificates for SNI. */
  readonly sni: readonly string[];
}

/** ELB (v3) of one region. Errors are `balancer/…`, with the API's request ID. */
export interface Elb {
  /** Reads one object: `get('certificates/1', 'certificate')`. */
  get(path: string, field: string, signal: AbortSignal): Promise<Fields>;
  /** Reads all pages of a list. Each of its objects has an ID. */
  list(
    path: string,
    field: string,
    query: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): Promise<readonly Fields[]>;
  /** Makes a change. Rejects with {@link LookAgain} if it is unknown whether it was made. */
  change(change: Change, signal: AbortSignal): Promise<Fields>;
  /** Deletes an object, if it still exists. */
  remove(path: string, signal: AbortSignal): Promise<void>;
  /** Returns the listener on a port that has one of these protocols. Fails if there is none. */
  listener(loadBalancer: string, port: number, protocols: readonly string[], signal: AbortSignal): Promise<ElbListener>;
  /** Returns how many objects of a kind the project may have; `usual` if the key may not ask. */
  quota(kind: string, usual: number, signal: AbortSignal): Promise<number>;
  sleep(ms: number, signal: AbortSignal): Promise<void>;
  /** Repeats the work while it ends in {@link LookAgain}; see {@link untilKnown}. */
  untilKnown<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T>;
  close(): Promise<void>;
}

export interface Change {
  readonly method: 'POST' | 'PUT' | 'DELETE';
  /** Below `elb/`: `certificates/1`. */
  readonly path: string;
  readonly body?: Fields;
  /** The secrets in the body. */
  readonly secrets?: readonly Secret[];
}

/** The largest page. */
const pageSize = '2000';

export function connectElb({ options, title, name, world }: ElbContext): Elb {
  const { clock, random, log } = world;
  const { region } = options;
  const http = world.http();
  const error = (trouble: Trouble) => balancerError(title, { ...trouble, ...meaningIn(trouble, region) });
  const api = createJsonApi({ http, clock, random, log, name, error, judge });
  const base = (options.endpoint ?? `https://elb.${region}.myhuaweicloud.com`).replace(/\/+$/, '');
  let project: string | undefined = options.projectId;

  const call = signedCalls(api, options, clock);

  /** Returns the ID of the region's project, which the keys belong to. */
  async function projectOf(signal: AbortSignal): Promise<string> {
    if (project !== undefined) return project;
    const url = `https://iam.${region}.myhuaweicloud.com/v3/projects?name=${region}`;
    const read = (body: Fields) => readList(body['projects'], 'projects');
    const all = await call({ method: 'GET', url, what: `the project of ${region}`, read }, signal);
    // A sub-project has the region's name as its prefix.
    project = all.filter((one) => one['name'] === region).map((one) => readString(one, 'id'))[0];
    if (project !== undefined) return project;
    const what = `a project of the region ${region}`;
    throw fail('balancer/not-found', { balancer: title, what, reason: 'IAM shows none to this key: set `projectId`' });
  }

  async function send<T>(
    { path, ...rest }: Omit<HuaweiCall<T>, 'url' | 'what'> & { readonly path: string },
    s: AbortSignal,
  ) {
    const projectId = await projectOf(s);
    const what = `${rest.method} ${path.replace(/\?.*$/, '')}`;
    return call({ ...rest, url: `${base}/v3/${projectId}/elb/${path}`, what, projectId }, s);
  }

  const list: Elb['list'] = (path, field, query, signal) =>
    readPages<Fields, string>(badList(title, `GET ${path}`), '', async (marker) => {
      const all = new URLSearchParams({ ...query, limit: pageSize });
      if (marker !== '') all.set('marker', marker);
      const read = (body: Fields) => {
        const info = body['page_info'];
        const next = isFields(info) && typeof info['next_marker'] === 'string' ? info['next_marker'] : undefined;
        return { found: readList(body[field], field, 'id'), next };
      };
      return send({ method: 'GET', path: `${path}?${all}`, read }, signal);
    });

  async function change({ method, path, body, secrets }: Change, signal: AbortSignal): Promise<Fields> {
    try {
      const parts = present({ body, secrets });
      return await send({ method, path, ...parts, read: (answer) => answer }, signal);
    } catch (cause) {
      if (signal.aborted) throw signal.reason;
      if (!isFailure(cause, 'balancer/unreachable', 'balancer/failed')) throw cause;
      throw new LookAgain(cause, `${method} ${path}`);
    }
  }

  const get: Elb['get'] = (path, field, signal) =>
    send({ method: 'GET', path, read: (body) => readFields(body[field], field) }, signal);

  return {
    ...{ get, list },
    async quota(kind, usual, signal) {
      const found = await get('quotas', 'quota', signal).catch((cause: unknown): Fields => {
        const { status = 0 } = refusalOf(cause) ?? {};
        if (status !== 403 && status !== 404) throw cause;
        return {};
      });
      const limit = Number(found[kind]);
      return Number.isInteger(limit) ? (limit < 0 ? Number.MAX_SAFE_INTEGER : limit) : usual;
    },
    change,
    async remove(path, signal) {
      try {
        await change({ method: 'DELETE', path }, signal);
      } catch (cause) {
        if (!isFailure(cause, 'balancer/not-found')) throw cause;
      }
    },
    async listener(loadBalancer, port, protocols, signal) {
      const rows = await list('listeners', 'listeners', { loadbalancer_id: loadBalancer }, signal);
      const all = rows.map(listenerIn);
      const found = all.find((one) => one.port === port && protocols.includes(one.protocol));
      if (found) return found;
      const others = all.map((one) => `${one.port} (${one.protocol})`).join(', ');
      throw fail('balancer/not-found', {
        balancer: title,
        what: `a listener on port ${port} (${protocols.join(', ')}) of ${loadBalancer} in ${region}`,
        reason: others === '' ? 'the project has no listener of this load balancer' : `its listeners are ${others}`,
      });
    },
    sleep: (ms, signal) => clock.sleep(ms, signal),
    untilKnown: (work, signal) => untilKnown(clock, work, signal),
    close: () => http.close(),
  };
}

export function listenerIn(row: Fields): ElbListener {
  const { protocol_port: port, sni_container_refs: sni, default_tls_container_ref: certificate } = row;
  if (typeof port !== 'number') throw new UnreadableAnswer('protocol_port is missing in its answer');
  return {
    ...{ id: readString(row, 'id'), protocol: readString(row, 'protocol'), port },
    isAdvanced: row['enhance_l7policy_enable'] === true,
    certificate: typeof certificate === 'string' && certificate !== '' ? certificate : undefined,
    sni: Array.isArray(sni) ? sni.filter((one) => typeof one === 'string') : [],
  };
}

/** Reports whether the API refuses a change because of what is there: something is in use, or exists already. */
export const isConflict = (error: unknown): boolean =>
  isFailure(error, 'balancer/refused') && refusalOf(error)?.status === 409;

function judge(answer: ApiAnswer): Verdict {
  const body = isFields(answer.body) ? answer.body : {};
  const { error_code: code, error_msg: message } = body;
  if (answer.status < 400 || typeof code !== 'string') return judgeByStatus(answer);
  const requestId = body['request_id'] ?? answer.headers['x-request-id'];
  const reason = typeof message === 'string' ? message : '';
  const words = { code, reason, ...present({ requestId: typeof requestId === 'string' ? requestId : undefined }) };
  if (answer.status === 409 && /PENDING_/.test(reason)) return { kind: 'busy', ...words };
  if (/^APIG\w*\.0308$/.test(code)) return { kind: 'limited', ...words };
  // The gateway has one code for everything that is wrong with a signature, and accepts a quarter of an hour.
  const isClockSkew = answer.status === 401 && Math.abs(answer.clockAheadMs ?? 0) > longestSkewMs;
  const advice = isClockSkew ? clockAdvice(answer, 'Huawei Cloud', '15 minutes') : adviceOn(answer.status, reason);
  return judgeByStatus(answer, { ...words, isClockSkew, ...present({ advice }) });
}

const longestSkewMs = 10 * 60_000;

function adviceOn(status: number, reason: string): string | undefined {
  if (status === 401) return 'Check `accessKeyId` and `secretAccessKey`: Huawei Cloud does not take this signature.';
  if (status !== 403) return undefined;
  const right = /\b(elb|iam):\w+:\w+/.exec(reason)?.[0];
  return `The user of \`accessKeyId\` lacks ${right ?? 'a permission for this call'}. Add it to the user’s policy at https://console.huaweicloud.com/iam, and check \`projectId\`.`;
}

/** Describes the meaning of a refusal of this API. */
function meaningIn({ status, code, reason }: Trouble, region: string): Pick<BalancerTrouble, 'means' | 'about'> {
  if (status === 404 || code === 'ELB.1003')
    return { means: 'not-found', about: `something that the call needs in ${region}` };
  if (/quota/i.test(reason)) return { means: 'quota', about: `more objects of ELB in ${region}` };
  return {};
}
