// Networks that no public CA can reach (RFC 6890's registries). An answer from one proves nothing about what a CA sees.
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
/** `::`, `::1`, unique local, link local, multicast; in the text form of RFC 5952. */
const closedIpv6 = /^(::1?$|f[cd]|fe[89ab]|ff)/;

/** Whether a CA on the internet can reach a (valid) IP address. */
export function isPublicAddress(address: string): boolean {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1] ?? address;
  if (mapped.includes(':')) return !closedIpv6.test(mapped.toLowerCase());
  const value = mapped.split('.').reduce((sum, octet) => sum * 256 + Number(octet), 0);
  return !closedIpv4.some(([net, bits]) => Math.floor(value / 2 ** (32 - bits)) === Math.floor(net / 2 ** (32 - bits)));
}
