import { createHash, randomInt } from 'node:crypto';
import { createSocket } from 'node:dgram';
import * as dnsPacket from 'dns-packet';
import { ask } from '../https.ts';
import { acmeProblem, type ProblemDocument } from './problem.ts';
import type { Settings, Validate } from './state.ts';

/** Makes real requests, with the current settings. */
export const askForReal =
  (settings: Settings): Validate =>
  (identifier, challenge, keyAuthorization) =>
    challenge.type === 'http-01'
      ? validateHttp01(settings.httpPort, identifier.value, challenge.token, keyAuthorization)
      : validateDns01(settings.dnsServer, identifier.value, keyAuthorization);

/** Fifty validations at once take long on a busy machine. */
const patienceMs = 20_000;

/** RFC 8555 §8.3. Connects to 127.0.0.1 and one port for every name and every redirect. */
async function validateHttp01(
  port: number,
  name: string,
  token: string,
  keyAuthorization: string,
): Promise<ProblemDocument | undefined> {
  let url = `http://${name}/.well-known/acme-challenge/${token}`;
  // Boulder follows ten.
  for (let redirects = 0; redirects <= 10; redirects++) {
    const options = { connectTo: { address: '127.0.0.1', port }, timeoutMs: patienceMs };
    const answer = await ask(url, options).catch((error: Error) => error);
    if (answer instanceof Error) return acmeProblem('connection', `${url}: ${answer.message}`);
    const location = answer.headers.location;
    if (answer.status >= 300 && answer.status < 400 && location !== undefined) {
      url = new URL(location, url).href.replace(/^https:/, 'http:');
      continue;
    }
    if (answer.status !== 200) return acmeProblem('unauthorized', `${url}: Invalid response: ${answer.status}`);
    // Trailing white space is allowed (§8.3).
    if (answer.text.trimEnd() === keyAuthorization) return undefined;
    return acmeProblem('unauthorized', `${url}: the key authorization is ${JSON.stringify(answer.text.slice(0, 100))}`);
  }
  return acmeProblem('connection', `${url}: too many redirects`);
}

/** The TXT values of a name, following one CNAME record. */
export async function lookUpTxt(server: string | undefined, name: string): Promise<readonly string[]> {
  if (server === undefined) throw new Error('this simulated CA was given no DNS server');
  const answers = await askTxt(server, name);
  const alias = answers.find((record) => record.type === 'CNAME');
  const all = alias?.type === 'CNAME' ? [...answers, ...(await askTxt(server, alias.data))] : answers;
  return all.flatMap((record) => (record.type === 'TXT' ? [textOf(record.data)] : []));
}

/** RFC 8555 §8.4, following CNAME records. */
async function validateDns01(
  server: string | undefined,
  name: string,
  keyAuthorization: string,
): Promise<ProblemDocument | undefined> {
  if (server === undefined) return acmeProblem('dns', 'this simulated CA was given no DNS server');
  const expected = createHash('sha256').update(keyAuthorization).digest('base64url');
  let at = `_acme-challenge.${name}`;
  for (let hops = 0; hops < 8; hops++) {
    const answers = await askTxt(server, at).catch((error: Error) => error);
    if (answers instanceof Error) return acmeProblem('dns', `TXT ${at}: ${answers.message}`);
    const values = answers.flatMap((record) => (record.type === 'TXT' ? [textOf(record.data)] : []));
    if (values.includes(expected)) return undefined;
    const alias = answers.find((record) => record.type === 'CNAME');
    if (values.length > 0 || alias?.type !== 'CNAME') {
      return acmeProblem('unauthorized', `TXT ${at}: none of ${values.length} values is the expected one`);
    }
    at = alias.data;
  }
  return acmeProblem('dns', `TXT ${at}: too many CNAME records`);
}

const textOf = (data: dnsPacket.TxtAnswer['data']): string =>
  (Array.isArray(data) ? data : [data]).map((part) => part.toString()).join('');

function askTxt(server: string, name: string): Promise<readonly dnsPacket.Answer[]> {
  const [address, port] = server.split(':');
  const id = randomInt(65_536);
  const socket = createSocket('udp4');
  const question = dnsPacket.encode({
    type: 'query',
    id,
    flags: dnsPacket.RECURSION_DESIRED,
    questions: [{ type: 'TXT', name }],
  });
  return new Promise<readonly dnsPacket.Answer[]>((answer, reject) => {
    const timer = setTimeout(() => reject(new Error('no answer')), 3000);
    socket.once('error', reject);
    socket.once('close', () => clearTimeout(timer));
    socket.on('message', (bytes) => {
      const message = dnsPacket.decode(bytes);
      if (message.id === id) answer(message.answers ?? []);
    });
    socket.send(question, Number(port), address);
  }).finally(() => socket.close());
}
