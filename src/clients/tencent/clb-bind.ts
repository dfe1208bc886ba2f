import type { TencentClb } from './clb.ts';
import { certificateParams, hasCertificate, type Slot } from './clb-binding.ts';
import type { KeyKind, SslCertificate } from './ssl.ts';

/** A certificate that is put into a slot. */
export interface Binding {
  /** The listener's ID. */
  readonly listener: string;
  /** The slot as it was read. */
  readonly slot: Slot;
  /** The uploaded certificate. */
  readonly certificate: { readonly id: string; readonly kind: KeyKind };
  /** The certificates that the slot has. */
  readonly known: readonly SslCertificate[];
  /** Reads the slot again. */
  read(): Promise<Slot | undefined>;
}

/**
 * Gives a slot a certificate. Reads the slot again after a lost response, and while another change is under way, which
 * may be the same one of a process that was killed. Fails if someone else has given the slot a certificate meanwhile.
 */
export async function bindSlot(
  clb: TencentClb,
  { listener, slot, certificate, known, read }: Binding,
  signal: AbortSignal,
): Promise<void> {
  let now: Slot | undefined = slot;
  await clb.untilKnown(async () => {
    now ??= await read();
    if (!now || hasCertificate(now, certificate.id)) return;
    if (!isSame(now.certificate?.ids, slot.certificate?.ids))
      throw new Error(
        `${slot.place} got another certificate meanwhile, so it keeps that until the next run looks at it`,
      );
    const seen = now;
    now = undefined; // a second try must not use what was read
    const params = { ListenerId: listener, ...certificateParams(seen.certificate, certificate, known) };
    const change =
      slot.domains === undefined
        ? { action: 'ModifyListener', params }
        : { action: 'ModifyDomainAttributes', params: { ...params, Domain: slot.domains[0] } };
    await clb.change({ ...change, stillFits: async () => isSame(await read(), seen) }, signal);
  }, signal);
}

const isSame = (one: unknown, other: unknown): boolean => JSON.stringify(one) === JSON.stringify(other);
