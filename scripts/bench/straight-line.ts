// What a script would do, and the peer of the row `script`: the same requests through the same HTTP client, an fsync for
// each key and one for each order's URL. It checks nothing, keeps no journal, and delivers nothing.
//   node straight-line.js <directory URL> <CA file> <challenge folder> <output folder> <names> <concurrency>

import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { type FileHandle, open, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { createSigner } from '../../src/acme/jws.ts';
import { Secret } from '../../src/core/errors/secret.ts';
import { createHttp } from '../../src/lib/http/http.ts';
import type { HttpResponse } from '../../src/ports/http.ts';
import { makeCsr } from '../../src/x509/csr.ts';
import { makeKey } from '../../src/x509/key.ts';

const [directoryUrl = '', caFile = '', challenges = '', output = '', list = '', concurrency = ''] =
  process.argv.slice(2);
const names = list.split(',');
const { signal } = new AbortController();
const http = createHttp({ env: {}, caFile, userAgent: 'straight-line' });
const nonces: string[] = [];

interface Directory {
  readonly newNonce: string;
  readonly newAccount: string;
  readonly newOrder: string;
  readonly renewalInfo?: string;
}
interface Challenge {
  readonly type: string;
  readonly url: string;
  readonly token: string;
}
interface Resource {
  readonly status: string;
  readonly authorizations: readonly string[];
  readonly challenges: readonly Challenge[];
  readonly finalize: string;
  readonly certificate: string;
}

const json = <T>({ body }: HttpResponse): T => JSON.parse(Buffer.from(body).toString()) as T;

const directory = json<Directory>(await http.request({ method: 'GET', url: directoryUrl, signal }));

// The account is registered by the first run only, as with the others.
const [accountFile, urlFile] = [join(output, 'account.pem'), join(output, 'account.url')];
if (!existsSync(accountFile)) writeFileSync(accountFile, (await makeKey()).reveal(), { mode: 0o600 });
const signer = createSigner(new Secret(readFileSync(accountFile, 'utf8')));
let kid = existsSync(urlFile) ? readFileSync(urlFile, 'utf8') : undefined;
if (kid === undefined) {
  const { headers } = await post(directory.newAccount, { termsOfServiceAgreed: true });
  kid = headers['location']!;
  writeFileSync(urlFile, kid);
}

async function newNonce(): Promise<string> {
  const { headers } = await http.request({ method: 'HEAD', url: directory.newNonce, signal });
  return headers['replay-nonce']!;
}

/** Without a payload it is POST-as-GET. */
async function post(url: string, payload?: object): Promise<HttpResponse> {
  const nonce = nonces.pop() ?? (await newNonce());
  const body = signer.sign(
    { nonce, url, ...(kid === undefined ? {} : { kid }) },
    payload === undefined ? '' : JSON.stringify(payload),
  );
  const headers = { 'content-type': 'application/jose+json' };
  const answer = await http.request({ method: 'POST', url, headers, body, signal });
  if (answer.headers['replay-nonce'] !== undefined) nonces.push(answer.headers['replay-nonce']);
  if (answer.status >= 400) throw new Error(`${url}: ${answer.status} ${Buffer.from(answer.body).toString()}`);
  return answer;
}

async function until(url: string, status: string): Promise<Resource> {
  for (;;) {
    const resource = json<Resource>(await post(url));
    if (resource.status === status) return resource;
    await wait(20);
  }
}

async function writeDurably(file: string, content: string): Promise<void> {
  let handle: FileHandle | undefined;
  try {
    handle = await open(file, 'wx', 0o600);
    await handle.writeFile(content);
    await handle.sync();
  } finally {
    await handle?.close();
  }
}

async function issue(name: string): Promise<void> {
  const key = await makeKey();
  await writeDurably(join(output, `${name}.key`), key.reveal());
  const identifiers = [{ type: 'dns', value: name }] as const;
  const placed = await post(directory.newOrder, { identifiers });
  const [orderUrl, order] = [placed.headers['location']!, json<Resource>(placed)];
  await writeDurably(join(output, `${name}.order`), orderUrl);
  const authorization = json<Resource>(await post(order.authorizations[0]!));
  const { token, url } = authorization.challenges.find(({ type }) => type === 'http-01')!;
  await writeFile(join(challenges, token), `${token}.${signer.thumbprint}`);
  await post(url, {});
  await until(order.authorizations[0]!, 'valid');
  await post(order.finalize, { csr: Buffer.from(makeCsr(key, identifiers)).toString('base64url') });
  const { certificate } = await until(orderUrl, 'valid');
  const { body } = await post(certificate);
  await Promise.all([writeFile(join(output, `${name}.crt`), body), rm(join(challenges, token))]);
}

async function lane(): Promise<void> {
  for (let name = names.shift(); name !== undefined; name = names.shift()) await issue(name);
}
await Promise.all(Array.from({ length: Number(concurrency) }, lane));
await http.close();
