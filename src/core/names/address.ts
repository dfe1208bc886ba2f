import { canonicalAddress } from './identifiers.ts';

// Networks that no public CA can reach (RFC 6890's registries). A response from one proves nothing about what a CA
// sees.
const closedIpv4: readonly (readonly [number, number])[] = [
  [0x00_00_00_00, 8],
  [0x0a_00_00_00, 8],
  [0x64_40_00_00, 10],
  [0x7f_00_00_00, 8],
  [0xa9_fe_00_00, 16],
  [0xac_10_00_00, 12],
  [0xc0_a8_00_00, 16],
  [0xc6_12_00_00, 15],
  [0xe0_00_00_00, 3],
];

/**
 * Reports whether a CA on the internet can reach an IP address. An IPv6 address that represents an IPv4 address
 * (mapped, translated, tunnelled) is treated as that address, because that is where the packets go.
 */
export function isPublicAddress(address: string): boolean {
  const canonical = canonicalAddress(address.replace(/%.*$/, ''));
  if (canonical === undefined) return false;
  if (!canonical.includes(':')) return isPublicIpv4(numberOf(canonical));
  const groups = groupsOf(canonical);
  const inner = ipv4Within(groups);
  return inner === undefined ? !isClosedIpv6(groups) : isPublicIpv4(inner);
}

const numberOf = (ipv4: string): number => ipv4.split('.').reduce((sum, octet) => sum * 256 + Number(octet), 0);

const isPublicIpv4 = (value: number): boolean =>
  !closedIpv4.some(([net, bits]) => Math.floor(value / 2 ** (32 - bits)) === Math.floor(net / 2 ** (32 - bits)));

/** Returns the eight groups of a canonical IPv6 address (RFC 5952) as numbers. */
function groupsOf(canonical: string): readonly number[] {
  const [before = [], after = []] = canonical
    .split('::')
    .map((half) => (half === '' ? [] : half.split(':').map((group) => Number.parseInt(group, 16))));
  return [...before, ...Array<number>(8 - before.length - after.length).fill(0), ...after];
}

/** Returns the network by which Let's Encrypt counts a canonical address: itself for IPv4, its /64 for IPv6. */
export function countedNetwork(canonical: string): string {
  if (!canonical.includes(':')) return `${canonical}/32`;
  const groups = groupsOf(canonical)
    .slice(0, 4)
    .map((group) => group.toString(16));
  return `${canonicalAddress(`${groups.join(':')}::`)}/64`;
}

/** Returns the reverse DNS name of a canonical address, without a trailing dot (RFC 1035 §3.5, RFC 3596 §2.5). */
export function reverseName(canonical: string): string {
  if (!canonical.includes(':')) return `${canonical.split('.').reverse().join('.')}.in-addr.arpa`;
  const digits = groupsOf(canonical).map((group) => group.toString(16).padStart(4, '0'));
  return `${[...digits.join('')].reverse().join('.')}.ip6.arpa`;
}

/** Returns the IPv4 address that an IPv6 address represents, or undefined if there is none. */
function ipv4Within(groups: readonly number[]): number | undefined {
  const [first, second] = groups;
  const at = (index: number): number => groups[index]! * 0x1_0000 + groups[index + 1]!;
  const begins = (...prefix: readonly number[]): boolean => prefix.every((group, index) => groups[index] === group);
  // RFC 4291 §2.5.5: mapped, and the deprecated compatible form, which includes `::` and `::1`.
  if (begins(0, 0, 0, 0, 0, 0xffff) || begins(0, 0, 0, 0, 0, 0)) return at(6);
  // RFC 2765 §2.1 (translated), RFC 6052 §2.1 (NAT64).
  if (begins(0, 0, 0, 0, 0xffff, 0) || begins(0x64, 0xff9b, 0, 0, 0, 0)) return at(6);
  // RFC 3056 §2 (6to4).
  if (first === 0x2002) return at(1);
  // RFC 4380 §4 (Teredo): the client's address, with every bit inverted.
  if (first === 0x2001 && second === 0) return 0xffff_ffff - at(6);
  return undefined;
}

/**
 * Reports whether an address is unique local, link local, site local or multicast, or has the translation prefix of a
 * local network (RFC 8215).
 */
const isClosedIpv6 = ([first = 0, second, third]: readonly number[]): boolean =>
  first >> 9 === 0xfc >> 1 || first >= 0xfe80 || (first === 0x64 && second === 0xff9b && third === 1);

// Addresses at which a cloud provider serves metadata to its machines, often with credentials: Alibaba, Azure, Oracle;
// AWS and Google over IPv6. The others are link-local.
const metadataAddresses: readonly string[] = [
  '100.100.100.200',
  '168.63.129.16',
  '192.0.0.192',
  'fd00:ec2::254',
  'fd20:ce::254',
];

/**
 * Reports whether certfleet must not send requests to an address, because no CA can reach it, and a service there may
 * reveal credentials or change this machine: link-local, metadata, unspecified and multicast addresses, and texts that
 * are not addresses.
 */
export function isForbiddenAddress(address: string): boolean {
  const canonical = canonicalAddress(address.replace(/%.*$/, ''));
  if (canonical === undefined || metadataAddresses.includes(canonical)) return true;
  if (!canonical.includes(':')) return isForbiddenIpv4(numberOf(canonical));
  const groups = groupsOf(canonical);
  const [first = 0] = groups;
  if (first >> 6 === 0xfe80 >> 6 || first >> 8 === 0xff) return true;
  const inner = ipv4Within(groups);
  // `::1` has the form of an address that represents 0.0.0.1.
  return inner !== undefined && inner !== 1 && isForbiddenIpv4(inner);
}

function isForbiddenIpv4(value: number): boolean {
  const [first, second] = [Math.floor(value / 2 ** 24), Math.floor(value / 2 ** 16) % 256];
  return (
    first === 0 ||
    first >= 224 ||
    (first === 169 && second === 254) ||
    metadataAddresses.some((one) => !one.includes(':') && numberOf(one) === value)
  );
}

/**
 * The maximum number of a name's addresses that are queried or checked. Real names have fewer; a hostile one may have
 * thousands.
 */
export const mostAddresses = 16;

/**
 * Returns at most {@link mostAddresses} of a name's addresses, balanced between the families. If there are more, it
 * takes the first in sorted order, so that the choice is stable, and `left` counts the rest.
 */
export function fewAddresses(
  ipv4: readonly string[],
  ipv6: readonly string[],
): { readonly ipv4: readonly string[]; readonly ipv6: readonly string[]; readonly left: number } {
  const left = ipv4.length + ipv6.length - mostAddresses;
  if (left <= 0) return { ipv4, ipv6, left: 0 };
  const half = mostAddresses / 2;
  const first = (all: readonly string[], other: readonly string[]) =>
    all.toSorted().slice(0, mostAddresses - Math.min(other.length, half));
  const four = first(ipv4, ipv6);
  return { ipv4: four, ipv6: ipv6.toSorted().slice(0, mostAddresses - four.length), left };
}
