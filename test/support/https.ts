import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import { isIP } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { atEnd, temporaryFolder } from './service.ts';

const run = promisify(execFile);

/** A certificate for HTTPS on this machine, and the root a client must trust for it. */
export interface LocalHttps {
  readonly caFile: string;
  readonly certFile: string;
  readonly keyFile: string;
}

let made: Promise<LocalHttps> | undefined;

/**
 * One root and one certificate for `localhost` and `127.0.0.1` per process, made by openssl. Pebble, the fault proxy
 * and the simulated CA share it, so that clients need a single `caFile`. After `stopAll` it is made anew.
 */
export function localHttps(): Promise<LocalHttps> {
  if (made === undefined) {
    made = makeLocalHttps();
    atEnd(() => {
      made = undefined;
    });
  }
  return made;
}

/** Like {@link localHttps}, with another root, for tests of an untrusted root, and for more hosts. */
export async function makeLocalHttps(hosts: readonly string[] = []): Promise<LocalHttps> {
  const folder = await temporaryFolder('https');
  const path = (name: string) => join(folder, name);
  const openssl = (...args: string[]) => run('openssl', args, { cwd: folder });
  const p256 = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  // Two days: longer than any run, so that a forgotten root soon becomes useless.
  await openssl(
    'req',
    '-x509',
    ...p256,
    '-keyout',
    'ca.key',
    '-out',
    'ca.pem',
    '-days',
    '2',
    '-subj',
    '/CN=certfleet test HTTPS root',
    '-addext',
    'keyUsage=critical,keyCertSign,cRLSign', // Python checks as RFC 5280 asks
  );
  await openssl('req', '-new', ...p256, '-keyout', 'key.pem', '-out', 'leaf.csr', '-subj', '/CN=localhost');
  await writeFile(
    path('leaf.ext'),
    [
      `subjectAltName=${['DNS:localhost', 'IP:127.0.0.1', ...hosts.map((host) => `DNS:${host}`)].join(',')}`,
      'basicConstraints=critical,CA:false',
      'keyUsage=critical,digitalSignature',
      'extendedKeyUsage=serverAuth',
      'subjectKeyIdentifier=hash',
      'authorityKeyIdentifier=keyid',
    ].join('\n'),
  );
  await openssl(
    'x509',
    '-req',
    '-in',
    'leaf.csr',
    '-CA',
    'ca.pem',
    '-CAkey',
    'ca.key',
    '-days',
    '2',
    '-extfile',
    'leaf.ext',
    '-out',
    'cert.pem',
  );
  return { caFile: path('ca.pem'), certFile: path('cert.pem'), keyFile: path('key.pem') };
}

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
}

/** A simple request for the test rig: no keep-alive, no redirects, 5 s. */
export function ask(
  url: string,
  options: {
    readonly caFile?: string;
    readonly method?: string;
    readonly headers?: Readonly<Record<string, string>>;
    readonly body?: string;
    /** Where to connect, instead of resolving the URL's name. */
    readonly connectTo?: { readonly address: string; readonly port: number };
    readonly timeoutMs?: number;
  } = {},
): Promise<Answer> {
  const target = new URL(url);
  return new Promise((answer, reject) => {
    const request = (target.protocol === 'https:' ? requestHttps : requestHttp)(
      target,
      {
        method: options.method ?? (options.body === undefined ? 'GET' : 'POST'),
        agent: false,
        headers: { 'user-agent': 'certfleet-test-rig', host: target.host, ...options.headers },
        timeout: options.timeoutMs ?? 5000,
        ...(options.caFile === undefined ? {} : { ca: readFileSync(options.caFile) }),
        // Said, because node would take it from the Host header, which a test may have changed.
        servername: isIP(target.hostname) ? '' : target.hostname,
        ...(options.connectTo === undefined
          ? {}
          : { hostname: options.connectTo.address, port: options.connectTo.port }),
      },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', reject);
        response.on('end', () => {
          const headers: Record<string, string> = {};
          for (const [name, value] of Object.entries(response.headers)) {
            headers[name] = Array.isArray(value) ? value.join(', ') : (value ?? '');
          }
          answer({ status: response.statusCode ?? 0, headers, text: Buffer.concat(chunks).toString('utf8') });
        });
      },
    );
    request.on('timeout', () => request.destroy(new Error(`${url}: timed out`)));
    request.on('error', reject);
    request.end(options.body);
  });
}
