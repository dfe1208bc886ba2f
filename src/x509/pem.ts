const begin = '-----BEGIN CERTIFICATE-----';
const block = /-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]*)-----END CERTIFICATE-----/g;

/**
 * Reads the certificates in a PEM text (RFC 7468), as DER. Skips comments and blocks of other kinds, and accepts CRLF
 * and any line length. Throws a plain Error if a certificate is damaged, because a chain must be complete.
 */
export function splitPem(text: string): readonly Uint8Array[] {
  const ders = [...text.matchAll(block)].map(([, body]) => {
    const base64 = body!.replace(/\s+/g, '');
    const der = Buffer.from(base64, 'base64');
    // Buffer ignores characters that are not base64, so this encodes again and compares.
    if (der.length === 0 || der.toString('base64').replace(/=+$/, '') !== base64.replace(/=+$/, ''))
      throw new Error('a certificate in the PEM text is damaged');
    return der;
  });
  if (text.split(begin).length - 1 !== ders.length) throw new Error('a certificate in the PEM text is damaged');
  return ders;
}

/** Writes a certificate as PEM the way OpenSSL does: 64 characters a line, LF. */
export function toPem(der: Uint8Array): string {
  const lines =
    Buffer.from(der)
      .toString('base64')
      .match(/.{1,64}/g) ?? [];
  return `${begin}\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`;
}
