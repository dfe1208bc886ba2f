import { fail } from '../../core/errors/errors.ts';
import { readString } from '../http/json-api.ts';
import { LookAgain } from '../http/look-again.ts';
import type { Alb, AlbListener } from './alb.ts';
import { textIn } from './clb.ts';

/** A certificate of an HTTPS listener. */
export interface BoundCertificate {
  /** The ID in CAS with its region: `123-cn-hangzhou`. Old listeners have others. */
  readonly id: string;
  readonly isDefault: boolean;
  /** `Associated`; the API spells the states of what is being removed in two ways. */
  readonly status: string;
}

export interface Listened {
  readonly listener: AlbListener;
  readonly bound: readonly BoundCertificate[];
}

const changes = {
  default: 'UpdateListenerAttribute',
  add: 'AssociateAdditionalCertificatesWithListener',
  remove: 'DissociateAdditionalCertificatesFromListener',
} as const;

/** The number of certificates that one call may name. */
const mostAtOnce = 20;
const lookAgainMs = 1_000;

/** Reads the listener on a port, which must be one with certificates, and its server certificates. */
export async function readListener(
  alb: Alb,
  { port, title }: { readonly port: number; readonly title: string },
  signal: AbortSignal,
): Promise<Listened> {
  const all = await alb.listeners(signal);
  const listener = all.find((one) => one.port === port && one.protocol !== 'HTTP');
  if (!listener) {
    await alb.balancer(signal);
    const others = all.map((one) => `${one.port} (${one.protocol})`).join(', ') || 'none';
    throw fail('balancer/not-found', {
      ...{ balancer: title, what: `an HTTPS listener on port ${port}` },
      reason: `the listeners of the load balancer are: ${others}`,
    });
  }
  const params = { ListenerId: listener.id, CertificateType: 'Server' };
  const rows = await alb.list('ListListenerCertificates', params, 'Certificates', signal);
  return {
    listener,
    bound: rows.map((row) => ({
      ...{ id: readString(row, 'CertificateId'), isDefault: row['IsDefault'] === true },
      status: textIn(row, 'Status') ?? '',
    })),
  };
}

export interface CertificateChange {
  readonly kind: keyof typeof changes;
  readonly ids: readonly string[];
  /** Reads the listener again. */
  readonly read: () => Promise<Listened>;
  readonly sleep: (ms: number) => Promise<void>;
  readonly title: string;
}

/** Makes a change, and waits until it is in effect: ALB carries it out after it was accepted, and may give it up. */
export async function changeCertificates(
  alb: Alb,
  listener: string,
  { kind, ids, read, sleep, title }: CertificateChange,
  signal: AbortSignal,
): Promise<void> {
  const Certificates = ids.slice(0, mostAtOnce).map((CertificateId) => ({ CertificateId }));
  const answer = await alb.change({ action: changes[kind], params: { ListenerId: listener, Certificates } }, signal);
  for (;;) {
    const now = await read();
    const isDone = ids.slice(0, mostAtOnce).every((id) => {
      const there = now.bound.find((one) => one.id === id);
      if (kind === 'remove') return there === undefined;
      return there !== undefined && there.isDefault === (kind === 'default') && there.status === 'Associated';
    });
    if (isDone && now.listener.status === 'Running') return;
    if (now.listener.status === 'Running') {
      const job = textIn(answer, 'JobId');
      const said = await alb.failureOf(job === undefined ? [] : [job], signal);
      const reason = said ?? 'the change was accepted, and has had no effect';
      throw new LookAgain(fail('balancer/failed', { balancer: title, action: changes[kind], reason }), kind);
    }
    await sleep(lookAgainMs);
  }
}
