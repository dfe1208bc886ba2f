/** Returns a URL for messages, without user information and query, which may contain secrets. */
export function speakable(url: string, hidesPath = false): string {
  if (!URL.canParse(url)) return hidesPath ? 'a URL' : url.slice(0, 200);
  const { protocol, host, pathname } = new URL(url);
  return `${protocol}//${host}${hidesPath ? '' : pathname}`;
}

/** Formats an address: `192.0.2.1:80`, `[2001:db8::1]:80`. */
export const printAddress = ({ address, port }: { readonly address: string; readonly port: number }): string =>
  address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
