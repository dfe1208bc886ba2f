import { createPrivateKey } from 'node:crypto';
import { Secret } from '../../core/errors/secret.ts';

/** Converts a key to PKCS#1 or SEC1, for services whose documents show no other form. @param service in the error */
export function traditionalKey(keyPem: Secret, service: string): Secret {
  const key = createPrivateKey(keyPem.reveal());
  if (key.asymmetricKeyType !== 'rsa' && key.asymmetricKeyType !== 'ec')
    throw new Error(`${service} takes no ${key.asymmetricKeyType} keys, only RSA and ECDSA`);
  const type = key.asymmetricKeyType === 'rsa' ? 'pkcs1' : 'sec1';
  return new Secret(key.export({ type, format: 'pem' }).toString());
}
