const begin = '-----BEGIN CERTIFICATE-----';
const block = /-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]*)-----END CERTIFICATE-----/g;

/**
 * The certificates in a PEM text (RFC 7468), as DER. Comments before, between and after are skipped, CRLF and odd line
 * lengths are fine, blocks of other kinds are none of its business. Throws a plain Error where a certificate's block
 * is damaged: leaving it out would tear a hole into a chain.
 */
export function splitPem(text: string): readonly Uint8Array[] {
  const ders = [...text.matchAll(block)].map(([, body]) => {
    const base64 = body!.replace(/\s+/g, '');
    const der = Buffer.from(base64, 'base64');
    // Buffer skips what is no base64, so the text is compared with what the bytes would be.
    if (der.length === 0 || der.toString('base64').replace(/=+$/, '') !== base64.replace(/=+$/, ''))
      throw new Error('a certificate in the PEM text is damaged');
    return der;
  });
  if (text.split(begin).length - 1 !== ders.length) throw new Error('a certificate in the PEM text is damaged');
  return ders;
}

/** One certificate, or what the label says, as PEM, as OpenSSL writes it: 64 characters a line, LF. */
export function toPem(der: Uint8Array, label = 'CERTIFICATE'): string {
  const lines =
    Buffer.from(der)
      .toString('base64')
      .match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`;
}
