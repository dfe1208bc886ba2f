import { mkdir, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { type Bind, startBind } from '../../test/support/bind.ts';
import { type Haproxy, startHaproxy } from '../../test/support/haproxy.ts';
import { type Pebble, startPebble } from '../../test/support/pebble.ts';
import { atEnd, freePort, temporaryFolder } from '../../test/support/service.ts';
import type { PagesPlace } from './pages.ts';

/** The servers of the demo, all on free ports of 127.0.0.1. */
export interface Rig extends PagesPlace {
  readonly pebble: Pebble;
  readonly bind: Bind;
  readonly haproxy: Haproxy;
  readonly webNodes: readonly number[];
  /** Where certfleet listens for the CA; HAProxy sends `/.well-known/acme-challenge/` there. */
  readonly responderPort: number;
  readonly configFile: string;
  /** Pebble's root certificate, PEM; also in `root.pem`. */
  readonly root: string;
}

export async function startRig(): Promise<Rig> {
  const folder = await temporaryFolder('demo');
  const certificates = join(folder, 'haproxy-certs');
  await mkdir(certificates, { mode: 0o700 });
  const webNodes = await Promise.all([1, 2, 3].map(startWebNode));
  const [responderPort, pagesPort] = await Promise.all([freePort(), freePort()]);
  const pagesSocket = join(folder, 'pages.sock');
  const [haproxy, bind] = await Promise.all([
    startHaproxy({
      certificates,
      backends: webNodes.map((port) => `127.0.0.1:${port}`),
      challengeBackends: [`127.0.0.1:${responderPort}`],
    }),
    startBind({
      zones: [{ name: 'example.test', records: ['@ A 127.0.0.1', 'www A 127.0.0.1', 'abc A 127.0.0.1'] }],
    }),
  ]);
  // The CA resolves names through BIND and requests the HTTP-01 answer from the load balancer.
  const pebble = await startPebble({ dnsServer: bind.server, httpPort: haproxy.httpPort });
  const tsig = join(folder, 'tsig');
  await writeFile(tsig, `${bind.key.secret}\n`, { mode: 0o600 });
  const configFile = join(folder, 'certfleet.yaml');
  await writeFile(
    configFile,
    `store: { type: file, path: ${join(folder, 'store')} }
issuers:
  pebble: { directory: "${pebble.directoryUrl}", caFile: ${pebble.caFile}, test: true, agreeToTerms: true }
solvers:
  web: { type: http01-responder, listen: "127.0.0.1:${responderPort}" }
  dns:
    type: dns01
    provider: rfc2136
    options: { server: "${bind.server}", keyName: ${bind.key.name}, secret: "file:${tsig}" }
    dns: { zone: example.test, nameservers: ["${bind.server}"] }
deployers:
  edge: { type: haproxy, socket: ${haproxy.socket}, certificates: ${certificates} }
certificates:
  - { name: abc, identifiers: [abc.example.test], issuer: pebble, solver: web, deploy: [edge], endpoints: ["127.0.0.1:${haproxy.httpsPort}"] }
  - { name: wildcard, identifiers: [example.test, "*.example.test"], issuer: pebble, solver: dns, deploy: [edge], endpoints: ["127.0.0.1:${haproxy.httpsPort}"] }
pages: { listen: ["127.0.0.1:${pagesPort}", "unix:${pagesSocket}"] }
preflight: { resolvers: ["${bind.server}"], http01Port: ${haproxy.httpPort} }
`,
  );
  const root = await pebble.roots();
  await writeFile(join(folder, 'root.pem'), root);
  return { folder, pagesPort, pagesSocket, pebble, bind, haproxy, webNodes, responderPort, configFile, root };
}

async function startWebNode(number: number): Promise<number> {
  const server = createServer((_request, response) => response.end(`hello from web node ${number}`));
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  atEnd(() => {
    server.close();
    server.closeAllConnections();
  });
  return (server.address() as AddressInfo).port;
}
