import { coversName } from '../../core/names/covers-name.ts';
import type { Fields } from '../../core/text/json.ts';
import { present } from '../../core/text/present.ts';
import { shortList } from '../../core/text/short-list.ts';
import type { ClbCertificate, ClbListener } from './clb-listener.ts';
import type { KeyKind, SslCertificate } from './ssl.ts';

// Decides where on a listener a certificate belongs, and how to put it there so that nothing else changes. Pure.

/** A place of a listener that has its own certificates. */
export interface Slot {
  /** In messages: a domain, or the listener. */
  readonly place: string;
  /** The domains that share the certificates; undefined for all of a listener without SNI. */
  readonly domains: readonly string[] | undefined;
  readonly certificate: ClbCertificate | undefined;
}

/** Reports whether a slot has a certificate, by its ID. */
export const hasCertificate = ({ certificate }: Slot, id: string): boolean => certificate?.ids.includes(id) === true;

/**
 * Returns the slots that should have a certificate: with SNI, the domains that it covers, else the whole listener.
 * Throws a plain error if there is none.
 *
 * @param names the only domains that should have it, if not all
 */
export function slotsFor(
  listener: ClbListener,
  covers: readonly string[],
  names: readonly string[] | undefined,
): readonly Slot[] {
  const place = `the listener ${listener.port} (${listener.protocol})`;
  const strange = names?.find((one) => !coversName(covers, one));
  if (strange !== undefined) throw new Error(`the certificate does not cover ${strange}, which \`names\` lists`);
  // On a listener with SNI, its own certificate has no effect.
  if (!listener.hasSni) return [{ place, domains: undefined, certificate: listener.certificate }];
  const slots = new Map<string, Slot>();
  for (const { domains, certificate } of listener.rules) {
    const key = domains.join(' ');
    const known = slots.get(key);
    slots.set(key, { place: domains[0]!, domains, certificate: known?.certificate ?? certificate });
  }
  const all = [...slots.values()];
  const missing = names?.find((name) => !all.some(({ domains = [] }) => domains.includes(name)));
  if (missing !== undefined) throw new Error(`${place} has no domain ${missing}, which \`names\` lists`);
  const wanted = all.filter(({ domains = [] }) =>
    domains.some((domain) => coversName(covers, domain) && (names?.includes(domain) ?? true)),
  );
  if (wanted.length > 0) return wanted;
  const there = shortList(all.flatMap(({ domains = [] }) => domains)) || 'none';
  throw new Error(`${place} has no domain that the certificate covers; its domains: ${there}`);
}

/** Returns why a slot must keep its certificate, or undefined if it may get this one. */
export function refusalOfSlot(
  { domains, certificate }: Slot,
  covers: readonly string[],
  there: {
    /** Those of the slot's certificates that are known. */
    readonly known: readonly SslCertificate[];
    /** Reports whether it is an older version of the same certificate. */
    readonly isOlder: (one: SslCertificate) => boolean;
  },
): string | undefined {
  const others = domains?.filter((domain) => !coversName(covers, domain)) ?? [];
  if (others.length > 0)
    return `it shares its certificate with ${shortList(others)}, which this one does not cover: put that domain in a rule of its own, or add it to the certificate`;
  // Clients of further names must not get a wrong certificate.
  if (domains !== undefined || certificate === undefined) return undefined;
  for (const id of certificate.ids) {
    const one = there.known.find((known) => known.id === id);
    if (!one) return `its certificate ${id} cannot be read, so the names that it serves are unknown`;
    const lost = one.names.filter((name) => !coversName(covers, name));
    if (lost.length > 0 && !there.isOlder(one))
      return `its certificate ${id} is also for ${shortList(lost)}, which this one does not cover: switch on SNI, or add these names to the certificate`;
  }
  return undefined;
}

/**
 * Returns the parameters that give a slot a certificate. The check of clients' certificates stays as it is, and so does
 * a second certificate with the other kind of key.
 */
export function certificateParams(
  current: ClbCertificate | undefined,
  { id, kind }: { readonly id: string; readonly kind: KeyKind },
  known: readonly SslCertificate[],
): Fields {
  const isMutual = current?.mode === 'MUTUAL';
  const mode = present({ SSLVerifyClient: isMutual ? current.verify : undefined });
  const hasSeveral = (current?.ids.length ?? 0) > 1;
  if (!current || !hasSeveral)
    return {
      Certificate: {
        CertId: id,
        ...present({ SSLMode: current?.mode, CertCaId: isMutual ? current.caId : undefined }),
        ...mode,
      },
    };
  const kept = current.ids.filter((one) => known.find((there) => there.id === one)?.kind !== kind);
  const ca = isMutual && current.caId !== undefined ? [current.caId] : [];
  return {
    MultiCertInfo: {
      SSLMode: current.mode ?? 'UNIDIRECTIONAL',
      ...mode,
      CertList: [id, ...kept, ...ca].map((CertId) => ({ CertId })),
    },
  };
}
