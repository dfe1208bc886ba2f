import { generateKeyPairSync } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { join } from 'node:path';
import { findProgram, freePort, startService, temporaryFolder } from './service.ts';

/** A real Kubernetes API server with etcd, without nodes. */
export interface Kubernetes {
  post(path: string, body: object): Promise<{ readonly status: number; readonly body: string }>;
}

export async function startKubernetes(): Promise<Kubernetes> {
  const folder = await temporaryFolder('kubernetes');
  const [etcdPort, peerPort, port] = await Promise.all([freePort(), freePort(), freePort()]);
  const etcd = `http://127.0.0.1:${etcdPort}`;
  const peer = `http://127.0.0.1:${peerPort}`;
  await startService({
    name: 'etcd',
    program: findProgram('etcd', 'shared')!,
    args: [
      ...['--data-dir', join(folder, 'etcd'), '--unsafe-no-fsync', '--log-level', 'error'],
      ...['--listen-client-urls', etcd, '--advertise-client-urls', etcd],
      ...['--listen-peer-urls', peer, '--initial-advertise-peer-urls', peer, '--initial-cluster', `default=${peer}`],
    ],
  });
  const [key, tokens] = [join(folder, 'sa.key'), join(folder, 'tokens.csv')];
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  writeFileSync(key, privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 });
  const token = 'token-of-the-test';
  writeFileSync(tokens, `${token},admin,admin,"system:masters"\n`, { mode: 0o600 });

  const send = (method: string, path: string, body?: object) =>
    new Promise<{ status: number; body: string }>((done, reject) => {
      const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
      // Its certificate is made at its start, and signed by nothing.
      const options = { host: '127.0.0.1', port, method, path, headers, rejectUnauthorized: false };
      const call = request(options, (response) => {
        let text = '';
        response.on('data', (data) => (text += data));
        response.on('end', () => done({ status: response.statusCode ?? 0, body: text }));
      });
      call.on('error', reject);
      call.end(body === undefined ? undefined : JSON.stringify(body));
    });
  const issuer = 'https://kubernetes.default.svc';
  await startService({
    name: 'kube-apiserver',
    program: findProgram('kube-apiserver', 'shared')!,
    args: [
      ...[`--etcd-servers=${etcd}`, `--cert-dir=${join(folder, 'certs')}`, '--authorization-mode=RBAC'],
      ...['--bind-address=127.0.0.1', `--secure-port=${port}`, '--advertise-address=127.0.0.1'],
      ...['--endpoint-reconciler-type=none', '--service-cluster-ip-range=10.96.0.0/16'],
      // No controller makes the accounts that the plug-in wants.
      ...['--disable-admission-plugins=ServiceAccount', `--token-auth-file=${tokens}`],
      ...[`--service-account-issuer=${issuer}`, `--api-audiences=${issuer}`],
      ...[`--service-account-key-file=${key}`, `--service-account-signing-key-file=${key}`],
    ],
    ready: async () => (await send('GET', '/readyz').catch(() => undefined))?.status === 200,
    deadlineMs: 90_000,
  });
  return { post: (path, body) => send('POST', path, body) };
}
