import { execFile } from 'node:child_process';
import { createHash, X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import tls from 'node:tls';
import { promisify } from 'node:util';
import { Secret } from '../../src/core/errors/secret.ts';
import type { VersionBundle } from '../../src/ports/deployer.ts';
import { temporaryFolder } from './service.ts';

const run = promisify(execFile);
const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

export interface VersionMaker {
  /** A new certificate and key under the maker's own CA; ids are `v1`, `v2`… */
  make(lineage: string, names: readonly string[], key?: 'ec' | 'rsa'): Promise<VersionBundle>;
}

/** Makes versions with openssl and its own CA: real chains, made without certfleet's x509 code. */
export async function createVersionMaker(): Promise<VersionMaker> {
  const folder = await temporaryFolder('versions');
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  const [caKey, caCert] = [join(folder, 'ca.key'), join(folder, 'ca.pem')];
  await run('openssl', [
    'req',
    '-x509',
    ...key,
    '-keyout',
    caKey,
    '-out',
    caCert,
    '-days',
    '30',
    '-subj',
    '/CN=Test CA',
  ]);
  const chainPem = await readFile(caCert, 'utf8');
  let count = 0;
  return {
    async make(lineage, names, type = 'ec') {
      const id = `v${++count}`;
      const [keyFile, certFile] = [join(folder, `${id}.key`), join(folder, `${id}.pem`)];
      const san = `subjectAltName=${names.map((name) => `DNS:${name}`).join(',')}`;
      await run('openssl', [
        ...['req', '-x509', '-CA', caCert, '-CAkey', caKey, '-keyout', keyFile, '-out', certFile],
        ...(type === 'ec' ? key : ['-newkey', 'rsa:2048', '-nodes']),
        ...['-days', '20', '-subj', `/CN=${id}`, '-addext', san, '-addext', 'basicConstraints=critical,CA:FALSE'],
      ]);
      const certPem = await readFile(certFile, 'utf8');
      const leaf = new X509Certificate(certPem);
      return {
        lineage,
        id,
        keyPem: new Secret(await readFile(keyFile, 'utf8')),
        certPem,
        chainPem,
        fullchainPem: certPem + chainPem,
        facts: {
          identifiers: names.map((value) => ({ type: 'dns' as const, value })),
          notBefore: new Date(leaf.validFrom).toISOString(),
          notAfter: new Date(leaf.validTo).toISOString(),
          serial: leaf.serialNumber.toLowerCase(),
          fingerprint: sha256(leaf.raw),
          spkiFingerprint: sha256(leaf.publicKey.export({ type: 'spki', format: 'der' })),
          issuerName: 'CN=Test CA',
        },
      };
    },
  };
}

/** Fingerprint (SHA-256) of the file's first certificate. */
export async function fingerprintOfFile(path: string): Promise<string> {
  return sha256(new X509Certificate(await readFile(path)).raw);
}

export interface HandshakeAnswer {
  readonly fingerprint?: string;
  readonly error?: string;
}

/** One TLS handshake on 127.0.0.1; never rejects. */
export function shakeHands(port: number, serverName: string, host = '127.0.0.1'): Promise<HandshakeAnswer> {
  return new Promise((answer) => {
    const socket = tls.connect({ host, port, servername: serverName, rejectUnauthorized: false });
    const done = (result: HandshakeAnswer) => {
      socket.destroy();
      answer(result);
    };
    socket.setTimeout(10_000, () => done({ error: 'timed out' }));
    socket.once('secureConnect', () => done({ fingerprint: sha256(socket.getPeerX509Certificate()!.raw) }));
    socket.on('error', (error) => done({ error: error.message }));
    socket.once('close', () => done({ error: 'closed' }));
  });
}

/** Makes handshakes without a pause on `parallel` connections until stopped; returns the result of each. */
export function shakeHandsUntilStopped(port: number, serverName: string, parallel = 4) {
  let stopped = false;
  const answers: HandshakeAnswer[] = [];
  const loops = Array.from({ length: parallel }, async () => {
    while (!stopped) answers.push(await shakeHands(port, serverName));
  });
  return {
    answers,
    async stop(): Promise<readonly HandshakeAnswer[]> {
      stopped = true;
      await Promise.all(loops);
      return answers;
    },
  };
}
