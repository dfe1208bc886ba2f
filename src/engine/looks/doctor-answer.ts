import { challengePath } from '../../core/ca/challenge-path.ts';
import { reasonOf } from '../../core/errors/errors.ts';
import { isForbiddenAddress, isPublicAddress } from '../../core/names/address.ts';
import type { Identifier } from '../../core/names/identifier.ts';
import { canonicalAddress } from '../../core/names/identifiers.ts';
import type { Hop } from '../../core/request-path/hop.ts';
import { type PathAnswer, verdictOnAnswer } from '../../core/request-path/path-answer.ts';
import type { PreflightSettings, StoredSpec } from '../../core/spec/spec.ts';
import type { Probe } from '../../ports/solver.ts';
import type { Engine } from '../engine.ts';
import { waitFor } from '../run/wait.ts';
import { lookAtHandshake } from './handshake.ts';

/** The CA allows 10 s for a request with its redirects; here, 5 s without a response are enough to report it. */
const getMs = 5_000;
/** The number of redirects that Let's Encrypt follows. */
const redirectLimit = 10;
/** The usual time until a load balancer's health check has seen the responder, which has just started. */
const usualNoticedMs = 6_000;
/** The path that is requested if nothing leads to certfleet now. It has no character that a balancer forbids. */
const plainPath = `${challengePath}certfleet-doctor`;

export interface AnswerLook {
  readonly settings: PreflightSettings;
  readonly identifier: Identifier;
  readonly addresses: readonly string[];
  /** Addresses of the balancer itself, which may be private. */
  readonly own: readonly string[];
  readonly probe: Probe | undefined;
  /** The responder may have just started, so a balancer may not have noticed it yet. */
  readonly isYoung: boolean;
  /** How long it may take to notice it. */
  readonly noticedMs: number | undefined;
  readonly signal: AbortSignal;
}

type Ports = Pick<Engine, 'clock' | 'vantage' | 'connect'>;

/** Requests the challenge path from every address of the name, as the CA would. */
export async function lookAtAnswers(engine: Ports, look: AnswerLook): Promise<readonly Hop[]> {
  const { addresses, identifier, probe, settings } = look;
  const { asTheCa } = engine.connect.looks(settings);
  const answers = await Promise.all(addresses.map((address) => request(engine, look, address)));
  return answers.map((answer, index) => {
    const address = addresses[index]!;
    return verdictOnAnswer(answer, {
      address,
      host: identifier.value,
      path: probe?.shownPath ?? probe?.path ?? plainPath,
      expected: probe?.body,
      isProof: asTheCa || isPublicAddress(address),
      seesAsTheCa: asTheCa,
      othersAnswer: answers.some((other, at) => at !== index && other.kind === 'answer'),
    });
  });
}

/** Shakes hands with every address of the name, as the CA would for TLS-ALPN-01. */
export async function lookAtAnswerOverTls(
  engine: Engine,
  {
    spec,
    identifier,
    expected,
  }: { readonly spec: Pick<StoredSpec, 'preflight'>; readonly identifier: Identifier; readonly expected: string },
  signal: AbortSignal,
): Promise<Hop> {
  const deadline = engine.clock.deadline(2 * getMs, signal);
  try {
    const look = { engine, settings: spec.preflight, identifier, expected, deadline };
    const { verdict, finding, advice } = await lookAtHandshake(look, { onlyAsTheCa: true });
    signal.throwIfAborted();
    if (verdict === 'pass') return { at: 'answer', state: 'well', finding };
    const state =
      verdict === 'no' ? ({ state: 'broken', code: 'preflight/no' } as const) : ({ state: 'cannot-tell' } as const);
    return { at: 'answer', ...state, finding, advice };
  } finally {
    deadline.done();
  }
}

/** Repeats the request until the balancer has noticed the responder. */
async function request(engine: Ports, look: AnswerLook, address: string): Promise<PathAnswer> {
  let answer = await follow(engine, look, address);
  if (!look.probe || !look.isYoung) return answer;
  const budget = { budgetMs: look.noticedMs ?? usualNoticedMs, firstMs: 500, mostMs: 1_000, signal: look.signal };
  const isDown = () => answer.kind === 'answer' && [502, 503, 504].includes(answer.status);
  let isFirst = true;
  await waitFor<true>(engine.clock, budget, async () => {
    if (!isFirst) answer = await follow(engine, look, address);
    isFirst = false;
    return isDown() ? { reason: 'not yet' } : { done: true };
  });
  return answer;
}

async function follow(engine: Ports, look: AnswerLook, first: string): Promise<PathAnswer> {
  const { identifier, probe, settings, signal } = look;
  const path = probe?.path ?? plainPath;
  const host = identifier.value.includes(':') ? `[${identifier.value}]` : identifier.value;
  const deadline = engine.clock.deadline(2 * getMs, signal);
  let url = `http://${host}${path}`;
  let address = first;
  try {
    for (let redirects = 0; ; redirects++) {
      const so = { url, redirects } as const;
      const refused = refusalOf(engine, look, address);
      if (refused) return { ...so, ...refused };
      const parsed = new URL(url);
      const port = parsed.protocol === 'https:' ? 443 : settings.http01Port;
      const answer = await get(engine, url, { address, port }, deadline.signal).catch((error: unknown) => {
        signal.throwIfAborted();
        return failureOf(error);
      });
      if ('kind' in answer) return { ...so, ...answer };
      const { status, location, body } = answer;
      if (status < 300 || status > 399 || location === undefined) return { ...so, kind: 'answer', status, body };
      const next = URL.canParse(location, url) ? new URL(location, url) : undefined;
      if (!next || !isFollowed(next))
        return { ...so, kind: 'redirect', to: next?.href ?? location, problem: 'elsewhere' };
      if (!next.pathname.endsWith(path)) return { ...so, kind: 'redirect', to: next.href, problem: 'loses-path' };
      if (redirects === redirectLimit) return { ...so, kind: 'redirect', to: next.href, problem: 'loop' };
      if (next.hostname !== parsed.hostname) {
        const there = await addressOf(engine, look, next.hostname, deadline.signal);
        if (there === undefined) return { ...so, kind: 'redirect', to: next.href, problem: 'nowhere' };
        address = there;
      }
      url = next.href;
    }
  } finally {
    deadline.done();
  }
}

/** Reports whether Let's Encrypt follows a redirect: http on port 80 and https on port 443 only. */
const isFollowed = ({ protocol, port }: URL): boolean => port === '' && (protocol === 'http:' || protocol === 'https:');

function refusalOf(engine: Ports, { settings, own }: AnswerLook, address: string) {
  if (isForbiddenAddress(address)) return { kind: 'not-fetched', address, forbidden: true } as const;
  const allowed = isPublicAddress(address) || engine.connect.looks(settings).asTheCa || own.includes(address);
  return allowed ? undefined : ({ kind: 'not-fetched', address, forbidden: false } as const);
}

/** Returns the first address of a redirect's host. If requests to it are not allowed, the next hop refuses. */
async function addressOf(
  engine: Ports,
  { settings }: AnswerLook,
  hostname: string,
  signal: AbortSignal,
): Promise<string | undefined> {
  const literal = canonicalAddress(hostname.replace(/^\[|\]$/g, ''));
  if (literal !== undefined) return literal;
  const { ipv4, ipv6 } = await engine.connect.looks(settings).addresses(hostname, signal);
  return [...ipv4, ...ipv6][0];
}

async function get(
  engine: Ports,
  url: string,
  at: { readonly address: string; readonly port: number },
  signal: AbortSignal,
): ReturnType<Engine['vantage']['get']> {
  const limit = engine.clock.deadline(getMs, signal);
  try {
    return await engine.vantage.get(url, at, limit.signal);
  } catch (error) {
    if (!limit.expired) throw error;
    throw Object.assign(new Error(`no answer within ${getMs / 1000} s`), { phase: 'connect' });
  } finally {
    limit.done();
  }
}

/** Returns how far a request got, from the cause of `network/failed`. */
function failureOf(error: unknown): Pick<PathAnswer & { kind: 'failed' }, 'kind' | 'phase' | 'code' | 'words'> {
  const cause = (error as { readonly cause?: unknown }).cause ?? error;
  const { phase, code } = cause as { readonly phase?: unknown; readonly code?: unknown };
  return {
    kind: 'failed',
    phase: phase === 'exchange' ? 'exchange' : 'connect',
    code: typeof code === 'string' ? code : undefined,
    words: reasonOf(cause),
  };
}
