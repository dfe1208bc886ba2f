/** The address on which a responder listens. */
export interface ListenAddress {
  /** An IP address without brackets; `::` means all addresses of both families. */
  readonly host: string;
  readonly port: number;
}

/** Reports whether `listen` may have this value: an address with a port, or `unix:/path`. */
export const isListenPlace = (text: string): boolean =>
  (/^unix:\/./.test(text) && new TextEncoder().encode(text).length - 'unix:'.length <= maxPathBytes) ||
  parseListenAddress(text) !== undefined;

/** The limit of Linux, beyond which a path would be cut. */
const maxPathBytes = 107;

export const listenPlaceRule = `must be an IP address with a port, like 127.0.0.1:9110, or a Unix socket with a path of at most ${maxPathBytes} bytes, like unix:/run/certfleet.sock`;

const shape = /^(?:(?<v4>\d{1,3}(?:\.\d{1,3}){3})|\[(?<v6>[0-9A-Fa-f:.]{2,45})\])?:?(?<port>\d{1,5})$/;

/**
 * Parses `0.0.0.0:80`, `[::]:80`, `:80` or `80`. Without an address, it means all addresses of both families. Returns
 * undefined for anything else, including names, because a name may resolve differently at the next start.
 */
export function parseListenAddress(text: string): ListenAddress | undefined {
  const groups = shape.exec(text)?.groups;
  if (!groups) return undefined;
  const { v4, v6 } = groups;
  // `0.0.0.080` and `[::]80` match the pattern, but an address requires a colon before the port.
  if ((v4 || v6) && !/[\d\]]:\d+$/.test(text)) return undefined;
  const port = Number(groups.port);
  if (port < 1 || port > 65_535) return undefined;
  if (v4?.split('.').some((part) => Number(part) > 255)) return undefined;
  if (v6 && !URL.canParse(`http://[${v6}]/`)) return undefined;
  return { host: v4 ?? v6 ?? '::', port };
}

/** Reports whether a server that listens at the first address also has the second one. */
export function hasAlso(one: string, other: string): boolean {
  const [first, second] = [parseListenAddress(one), parseListenAddress(other)];
  return one === other || (first !== undefined && second !== undefined && covers(first, second));
}

function covers(wide: ListenAddress, narrow: ListenAddress): boolean {
  if (wide.port !== narrow.port) return false;
  const isEveryAddress = /^[0:]+$/.test(wide.host);
  return isEveryAddress || wide.host === narrow.host || (wide.host === '0.0.0.0' && isV4.test(narrow.host));
}

const isV4 = /^\d+\.\d+\.\d+\.\d+$/;

/** Reports whether only programs on this machine reach the address. A Unix socket is no address. */
export const isLoopback = ({ host }: ListenAddress): boolean =>
  host.startsWith('127.') || /^(0{0,4}:){2,7}0{0,3}1$/.test(host) || /^::ffff:127\./i.test(host);

/** Reports whether an address means all addresses of the machine. */
export const isEverywhere = ({ host }: ListenAddress): boolean => /^[0:.]+$/.test(host);

/** Formats an address for messages, with brackets around IPv6. */
export const formatListenAddress = ({ host, port }: ListenAddress): string =>
  host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;

/** Returns the addresses on this machine at which the process that holds this port may answer, likeliest first. */
export function localAddresses(host: string): readonly string[] {
  if (host === '0.0.0.0') return ['127.0.0.1'];
  // A process that listens on 0.0.0.0 also blocks `::`, so try both loopback addresses.
  if (/^[0:]+$/.test(host)) return ['127.0.0.1', '::1'];
  return [host];
}
