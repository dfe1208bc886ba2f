import { execFile } from 'node:child_process';
import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import net, { type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, expect, test } from 'vitest';
import { testCertificate, testParty } from '../../src/x509/test-certificates.ts';
import { sampled } from '../support/seeded.ts';
import { atEnd, bareEnvironment, repositoryRoot, temporaryFolder } from '../support/service.ts';
import { stopAllAfterwards } from '../support/vitest.ts';

// Two CAs: NODE_EXTRA_CA_CERTS makes one of them a root that this machine trusts, as it trusts the public ones, and
// `caFile` names the other one.

stopAllAfterwards();

let folder: string;
const ports: Record<string, number> = {};
const names = ['ca.test', 'localhost'].map((value) => ({ type: 'dns', value }) as const);

function authority(name: string) {
  const party = testParty(name);
  const root = testCertificate({ subject: name, issuer: party, publicKey: createPublicKey(party.key), isCa: true });
  writeFileSync(join(folder, `${name}.pem`), root);
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const cert = testCertificate({ subject: 'server', issuer: party, publicKey, identifiers: names });
  return { cert, key: privateKey.export({ type: 'pkcs8', format: 'pem' }) };
}

async function listen(server: net.Server): Promise<number> {
  const sockets = new Set<net.Socket>();
  server.on('connection', (socket: net.Socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
  });
  server.on('tlsClientError', () => {});
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  atEnd(async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
  return (server.address() as AddressInfo).port;
}

/** A proxy that leads every name to this machine. */
function tunnel(proxy: http.Server): http.Server {
  proxy.on('connect', (request, socket: net.Socket, head: Buffer) => {
    const onward = net.connect(Number(request.url?.split(':')[1]), '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
      onward.write(head);
      onward.pipe(socket).pipe(onward);
    });
    onward.on('error', () => socket.destroy());
    socket.on('error', () => onward.destroy());
  });
  return proxy;
}

beforeAll(async () => {
  folder = await temporaryFolder('ca-file');
  const [machines, own] = [authority('machines'), authority('own')];
  const answer: http.RequestListener = (_request, response) => response.end('ok');
  ports['machines'] = await listen(https.createServer(machines, answer));
  ports['own'] = await listen(https.createServer(own, answer));
  ports['proxy'] = await listen(tunnel(http.createServer()));
  ports['tlsProxy'] = await listen(tunnel(https.createServer(machines)));
  const module = JSON.stringify(join(repositoryRoot, 'src/lib/http/http.ts'));
  writeFileSync(
    join(folder, 'ask.mts'),
    `import { createHttp } from ${module};
     const [options, requests] = JSON.parse(process.argv[2]);
     const http = createHttp(options);
     for (const request of requests)
       await http.request({ method: 'GET', signal: new AbortController().signal, ...request }).then(
         ({ status }) => console.log(status),
         (error) => console.log(/self.signed|unable to|issuer/i.test(error.message) ? 'not trusted' : error.message),
       );
     await http.close();`,
  );
});

const ways = {
  directly: () => ({}),
  'through a proxy': () => ({ HTTPS_PROXY: `http://127.0.0.1:${ports['proxy']}` }),
};

test.each(
  sampled(
    [
      ['directly', {}, 'the machine’s roots', ['200', 'not trusted']],
      ['directly', { caFile: 'own.pem' }, 'both', ['200', '200']],
      ['directly', { caFile: 'own.pem', onlyThisCa: true }, 'those of the file', ['not trusted', '200']],
      ['through a proxy', {}, 'the machine’s roots', ['200', 'not trusted']],
      ['through a proxy', { caFile: 'own.pem' }, 'both', ['200', '200']],
      ['through a proxy', { caFile: 'own.pem', onlyThisCa: true }, 'those of the file', ['not trusted', '200']],
    ],
    2,
    'trust',
  ),
)('%s, %j trusts %s', async (way, options, _roots, expected) => {
  const caFile = 'caFile' in options ? { caFile: join(folder, options.caFile) } : {};
  const env = ways[way]();
  const requests = ['machines', 'own'].map((name) => {
    const port = ports[name];
    const connectTo = way === 'directly' ? { connectTo: { address: '127.0.0.1', port } } : {};
    return { url: `https://ca.test:${port}/`, ...connectTo };
  });
  expect(await ask({ ...options, ...caFile, env }, requests)).toEqual(expected);
});

test('onlyThisCa is about the CA: an https proxy may still have a certificate of the machine’s roots', async () => {
  const env = { HTTPS_PROXY: `https://localhost:${ports['tlsProxy']}` };
  const requests = ['machines', 'own'].map((name) => ({ url: `https://ca.test:${ports[name]}/` }));
  const options = { caFile: join(folder, 'own.pem'), onlyThisCa: true, env };
  expect(await ask(options, requests)).toEqual(['not trusted', '200']);
});

test('a damaged root of the machine is skipped, and those after it are trusted', async () => {
  const damaged = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n';
  const roots = join(folder, 'damaged.pem');
  writeFileSync(roots, damaged + readFileSync(join(folder, 'machines.pem'), 'utf8'));
  const requests = ['machines', 'own'].map((name) => {
    const port = ports[name];
    return { url: `https://ca.test:${port}/`, connectTo: { address: '127.0.0.1', port } };
  });
  expect(await ask({ caFile: join(folder, 'own.pem'), env: {} }, requests, roots)).toEqual(['200', '200']);
});

async function ask(
  options: object,
  requests: readonly object[],
  extra = join(folder, 'machines.pem'),
): Promise<readonly string[]> {
  const args = ['--import', 'tsx', join(folder, 'ask.mts'), JSON.stringify([options, requests])];
  const env = { ...bareEnvironment(), NODE_EXTRA_CA_CERTS: extra };
  const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: repositoryRoot, env });
  return stdout.trim().split('\n');
}
