import { createPrivateKey, X509Certificate } from 'node:crypto';
import { Secret } from '../core/errors/secret.ts';

/** A private key in PEM, of any form, as PKCS #8. Throws if it is none; the error does not repeat the text. */
export function keyFromPem(text: string): Secret {
  try {
    return new Secret(createPrivateKey(text).export({ type: 'pkcs8', format: 'pem' }).toString());
  } catch {
    throw new Error('it contains no private key');
  }
}

/** {@link keyFromPem} for base64 of DER: PKCS #8, or the older forms of RSA and EC keys. */
export function keyFromDer(base64: string): Secret {
  const key = Buffer.from(base64, 'base64');
  for (const type of ['pkcs8', 'pkcs1', 'sec1'] as const) {
    try {
      return new Secret(
        createPrivateKey({ key, type, format: 'der' }).export({ type: 'pkcs8', format: 'pem' }).toString(),
      );
    } catch {
      // Another form.
    }
  }
  throw new Error('it contains no private key');
}

/** How long before its end a certificate is renewed, if that is at this time. */
export function beforeEndMs(chainPem: string, renewAt: Date): number | undefined {
  try {
    const ms = Date.parse(new X509Certificate(chainPem).validTo) - renewAt.getTime();
    return ms > 0 ? ms : undefined;
  } catch {
    // What is wrong with it is said where it is read.
    return undefined;
  }
}
