import { createPrivateKey } from 'node:crypto';
import { createVersionMaker } from './versions.ts';

export interface Pem {
  readonly certificate: string;
  /** In the form that Alibaba Cloud documents, which is not PKCS#8. */
  readonly privateKey: string;
  /** SHA-256, hex digits in lower case. */
  readonly fingerprint: string;
}

/** Makes certificates for the tests of the fakes. */
export async function createPemMaker(): Promise<(...names: string[]) => Promise<Pem>> {
  const maker = await createVersionMaker();
  return async (...names) => {
    const { fullchainPem: certificate, keyPem, facts } = await maker.make('x', names);
    const privateKey = createPrivateKey(keyPem.reveal()).export({ type: 'sec1', format: 'pem' }).toString();
    return { certificate, privateKey, fingerprint: facts.fingerprint };
  };
}
