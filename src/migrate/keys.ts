import { createPrivateKey, X509Certificate } from 'node:crypto';
import { Secret } from '../core/errors/secret.ts';

/**
 * Converts a private key in PEM, of any form, to PKCS #8. Throws if it is invalid. The error does not repeat the text.
 */
export function keyFromPem(text: string): Secret {
  try {
    // OpenSSL takes a millisecond to refuse a text without PEM, after it has tried every form of key.
    if (!text.includes('-----BEGIN ')) throw new Error('it is not PEM');
    return new Secret(createPrivateKey(text).export({ type: 'pkcs8', format: 'pem' }).toString());
  } catch {
    throw new Error('it contains no private key');
  }
}

/** Like {@link keyFromPem}, for base64 of DER: PKCS #8, or the older forms of RSA and EC keys. */
export function keyFromDer(base64: string): Secret {
  const key = Buffer.from(base64, 'base64');
  for (const type of ['pkcs8', 'pkcs1', 'sec1'] as const) {
    try {
      return new Secret(
        createPrivateKey({ key, type, format: 'der' }).export({ type: 'pkcs8', format: 'pem' }).toString(),
      );
    } catch {
      // Try the next form.
    }
  }
  throw new Error('it contains no private key');
}

/** Returns how long before its expiry a certificate is renewed, if it is renewed at this time. */
export function beforeEndMs(chainPem: string, renewAt: Date): number | undefined {
  try {
    const ms = Date.parse(new X509Certificate(chainPem).validTo) - renewAt.getTime();
    return ms > 0 ? ms : undefined;
  } catch {
    // The code that reads the certificate reports problems with it.
    return undefined;
  }
}
