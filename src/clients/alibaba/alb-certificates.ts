import { createSingleFlight } from '../../core/async/single-flight.ts';
import { fail, isFailure } from '../../core/errors/errors.ts';
import type { Clock } from '../../ports/clock.ts';
import { readString } from '../http/json-api.ts';
import { LookAgain } from '../http/look-again.ts';
import type { Alb, AlbListener } from './alb.ts';
import { textIn } from './clb.ts';
import type { PlainParams } from './rights.ts';

// The certificates of a listener of ALB or NLB, which have the same calls with other words. A certificate is added or
// taken off by a job of its own, and no call replaces one.

/** A certificate of a listener. */
export interface BoundCertificate {
  /** The ID in CAS with its region: `123-cn-hangzhou`. Old listeners may have IDs of another form. */
  readonly id: string;
  readonly isDefault: boolean;
  /** `Associated`; the API spells the states of what is being removed in two ways. */
  readonly status: string;
}

export type CertificateChange = 'default' | 'add' | 'remove';

/** What a service calls all this. */
export interface Words {
  /** `Alibaba Cloud ALB` */
  readonly title: string;
  /** The protocols of listeners that have certificates. */
  readonly protocols: readonly string[];
  /** A listener for messages. */
  readonly listenerOn: (port: number) => string;
  /** Chooses the certificates for servers in a list, and the largest page. */
  readonly servers: PlainParams;
  readonly pageSize: number;
  readonly actions: Readonly<Record<CertificateChange, string>>;
  params(change: CertificateChange, ids: readonly string[]): PlainParams;
  /** The number of certificates that one call may name. */
  readonly mostAtOnce: number;
}

export const albWords: Words = {
  ...{
    title: 'Alibaba Cloud ALB',
    protocols: ['HTTPS', 'QUIC'],
    listenerOn: (port) => `an HTTPS listener on port ${port}`,
  },
  ...{ servers: { CertificateType: 'Server' }, pageSize: 100, mostAtOnce: 20 },
  actions: {
    default: 'UpdateListenerAttribute',
    add: 'AssociateAdditionalCertificatesWithListener',
    remove: 'DissociateAdditionalCertificatesFromListener',
  },
  params: (_change, ids) => ({ Certificates: ids.map((CertificateId) => ({ CertificateId })) }),
};

export const nlbWords: Words = {
  ...{ title: 'Alibaba Cloud NLB', protocols: ['TCPSSL'], listenerOn: (port) => `a TCPSSL listener on port ${port}` },
  ...{ servers: { CertType: 'Server' }, pageSize: 50, mostAtOnce: 15 },
  actions: {
    default: 'UpdateListenerAttribute',
    add: 'AssociateAdditionalCertificatesWithListener',
    remove: 'DisassociateAdditionalCertificatesWithListener',
  },
  params: (change, ids) => (change === 'default' ? { CertificateIds: ids } : { AdditionalCertificateIds: ids }),
};

export interface CertificateListener {
  /** The listener’s ID. */
  id(signal: AbortSignal): Promise<string>;
  /** Reads the certificates for servers. They may be as old as the last look at them, a few seconds, if `isRecent`. */
  certificates(isRecent: boolean, signal: AbortSignal): Promise<readonly BoundCertificate[]>;
  /** Counts the additional certificates of all listeners of the load balancer. */
  additionalOfAll(signal: AbortSignal): Promise<number>;
  /** Waits until the change to a certificate that is under way has been carried out, or given up. */
  untilAtRest(id: string, signal: AbortSignal): Promise<void>;
  /** Makes a change, and waits until it is in effect: it is carried out after it was accepted, and may be given up. */
  change(change: CertificateChange, ids: readonly string[], signal: AbortSignal): Promise<void>;
}

/** @param port of the listener, which must be one with certificates */
export function listenerOn(
  alb: Alb,
  words: Words,
  { port, clock }: { port: number; clock: Clock },
): CertificateListener {
  const { title } = words;
  const flight = createSingleFlight<readonly BoundCertificate[]>();
  let known: string | undefined;
  let recent: { readonly atMs: number; readonly bound: readonly BoundCertificate[] } | undefined;

  const secure = async (signal: AbortSignal) => {
    const all = await alb.listeners(signal);
    return { all, secure: all.filter(({ protocol }) => words.protocols.includes(protocol)) };
  };

  async function find(signal: AbortSignal): Promise<AlbListener> {
    const found = await secure(signal);
    const listener = found.secure.find((one) => one.port === port);
    if (listener) return listener;
    const others = found.all.map((one) => `${one.port} (${one.protocol})`).join(', ');
    throw fail('balancer/not-found', {
      ...{ balancer: title, what: words.listenerOn(port) },
      reason:
        others === ''
          ? 'the load balancer is not in this region, or has no listener'
          : `the listeners of the load balancer are: ${others}`,
    });
  }

  async function boundTo(ListenerId: string, signal: AbortSignal): Promise<readonly BoundCertificate[]> {
    const params = { ListenerId, ...words.servers };
    const rows = await alb.list('ListListenerCertificates', params, 'Certificates', signal, words.pageSize);
    return rows.map((row) => ({
      ...{ id: readString(row, 'CertificateId'), isDefault: row['IsDefault'] === true },
      status: textIn(row, 'Status') ?? '',
    }));
  }

  async function read(signal: AbortSignal): Promise<readonly BoundCertificate[]> {
    const remembered = known;
    const id = remembered ?? (await find(signal)).id;
    let bound: readonly BoundCertificate[];
    try {
      bound = await boundTo(id, signal);
    } catch (error) {
      // The listener may have been made anew.
      known = undefined;
      if (remembered === undefined || !isFailure(error, 'balancer/not-found')) throw error;
      return read(signal);
    }
    known = id;
    recent = { atMs: clock.monotonicMs(), bound };
    return bound;
  }

  /** Reads the certificates again and again, until `isOver` accepts them. */
  async function poll(
    isOver: (bound: readonly BoundCertificate[]) => Promise<boolean> | boolean,
    signal: AbortSignal,
  ): Promise<void> {
    for (
      let pauseMs = firstPauseMs;
      !(await isOver(await read(signal)));
      pauseMs = Math.min(2 * pauseMs, longestPauseMs)
    )
      await clock.sleep(pauseMs, signal);
  }

  return {
    async id(signal) {
      known ??= (await find(signal)).id;
      return known;
    },
    async certificates(isRecent, signal) {
      if (!isRecent) return read(signal);
      if (recent && clock.monotonicMs() - recent.atMs < recentMs) return recent.bound;
      return flight('', () => read(signal), signal);
    },
    async additionalOfAll(signal) {
      const found = await secure(signal);
      const each = await Promise.all(found.secure.map(({ id }) => boundTo(id, signal)));
      return each.flat().filter(({ isDefault }) => !isDefault).length;
    },
    untilAtRest: (id, signal) => poll((bound) => !isOnItsWay(bound, id), signal),
    async change(change, all, signal) {
      const ids = all.slice(0, words.mostAtOnce);
      const action = words.actions[change];
      recent = undefined;
      const ListenerId = known ?? (await find(signal)).id;
      const answer = await alb.change({ action, params: { ListenerId, ...words.params(change, ids) } }, signal);
      const isDone = (bound: readonly BoundCertificate[]) =>
        ids.every((id) => {
          // A certificate may be there twice, as the default one and as an additional one.
          const there = bound.find((one) => one.id === id && one.isDefault === (change === 'default'));
          return change === 'remove' ? there === undefined : there?.status === 'Associated';
        });
      await poll(async (bound) => {
        if (isDone(bound)) return true;
        // The state of a certificate shows that it is being added or taken off, but only the state of the listener shows
        // that its default one is being replaced.
        if (ids.some((id) => isOnItsWay(bound, id)) || (await find(signal)).status !== 'Running') return false;
        const job = textIn(answer, 'JobId');
        const said = await alb.failureOf(job === undefined ? [] : [job], signal);
        const reason = said ?? 'the change was accepted, and has had no effect';
        throw new LookAgain(fail('balancer/failed', { balancer: title, action, reason }), change);
      }, signal);
    },
  };
}

/** Reports whether a certificate is being added or taken off. */
export const isOnItsWay = (bound: readonly BoundCertificate[], id: string): boolean =>
  bound.some((one) => one.id === id && one.status !== 'Associated');

/** How old a look may be that is shared: the certificates of a pass share it, and an activation looks again. */
const recentMs = 5_000;
/** ALB takes five to ten seconds (terraform-provider-alicloud, PR 4796). */
const firstPauseMs = 1_000;
const longestPauseMs = 4_000;
