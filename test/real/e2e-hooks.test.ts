import { execFile } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, expect, it } from 'vitest';
import { type AcmeCa, startAcmeCa } from '../support/acme-ca.ts';
import { buildCertfleet, type Certfleet, readLineage, stderrOf, succeeded } from '../support/e2e.ts';
import { startPebble } from '../support/pebble.ts';
import { atEnd, freePort, portAccepts, temporaryFolder, until } from '../support/service.ts';
import { describeWith, stopAllAfterwards } from '../support/vitest.ts';

stopAllAfterwards();

const name = 'www.example.test';

/** A web server that has the CA's port, and hooks that stop and start it. */
let certfleet: Certfleet;
let ca: AcmeCa;
let folder: string;
let port: number;
let log: string;
let flags: readonly string[];
let hooks: readonly string[];
const pid = async () => Number(await readFile(join(folder, 'pid'), 'utf8'));
const said = async () => (await readFile(log, 'utf8')).trim().split('\n');

beforeAll(async () => {
  [certfleet, folder, port] = await Promise.all([buildCertfleet(), temporaryFolder('hooks'), freePort()]);
  ca = await startAcmeCa({ settings: { httpPort: port } });
  log = join(folder, 'log');
  await writeFile(log, '');
  const server = join(folder, 'server.mjs');
  await writeFile(
    server,
    `import { createServer } from 'node:http';
     createServer((_request, answer) => answer.end('the page')).listen(${port}, '127.0.0.1');`,
  );
  const start = `nohup ${process.execPath} ${server} >/dev/null 2>&1 & echo $! > ${folder}/pid`;
  const isStopped = `while kill -0 $(cat ${folder}/pid) 2>/dev/null; do sleep 0.02; done`;
  hooks = [
    ...['--pre-hook', `kill $(cat ${folder}/pid); ${isStopped}; echo pre >> ${log}`],
    ...['--post-hook', `${start}; echo "post $RENEWED_DOMAINS" >> ${log}`],
    ...['--deploy-hook', `echo "deploy $RENEWED_DOMAINS $(ls $RENEWED_LINEAGE | tr '\\n' ' ')" >> ${log}`],
  ];
  flags = [
    ...['--store', join(folder, 'store'), '--issuer', ca.directoryUrl, '--ca-file', ca.caFile, '--agree-tos'],
    ...['--http', `standalone:127.0.0.1:${port}`, '--http01-port', String(port), '--resolver', '127.0.0.1:1'],
  ];
  await promisifiedShell(start);
  atEnd(async () => void process.kill(await pid()));
  await until(() => portAccepts(port), { what: 'the web server runs' });
});

/** The output goes nowhere, because a server that it starts would keep it open. */
const promisifiedShell = async (command: string): Promise<void> => {
  await promisify(execFile)('/bin/sh', ['-c', `{ ${command}\n} >/dev/null 2>&1 </dev/null`]);
};

it('stop a server for an order and start it again, also after a kill in between', { timeout: 120_000 }, async () => {
  const first = await certfleet(['issue', '-d', name, ...flags, ...hooks]);
  succeeded(first);
  expect(first.stdout).toContain('The deploy hook has run.');
  expect(await said()).toEqual(['pre', `deploy ${name} cert.pem chain.pem fullchain.pem privkey.pem `, `post ${name}`]);
  await until(() => portAccepts(port), { what: 'the web server runs again' });

  // Nothing is due.
  succeeded(await certfleet(['renew', '--store', join(folder, 'store')]));
  expect(await said()).toHaveLength(3);

  // Killed while the server is stopped: the next run starts it, and goes on with the order.
  let validated = () => {};
  const held = new Promise<undefined>((done) => {
    validated = () => done(undefined);
  });
  ca.settings.validate = () => held;
  const killed = await certfleet(['issue', name, '--force', '--store', join(folder, 'store')], {
    killWhen: until(
      async () =>
        (await said()).length === 4 && (await readLineage(join(folder, 'store'), name)).work?.step === 'challenges',
      {
        what: 'the order waits for its validation',
      },
    ),
  });
  expect(killed.status).toBe('SIGKILL');
  expect(await portAccepts(port)).toBe(false);
  const swept = await certfleet(['sweep', '--store', join(folder, 'store')]);
  succeeded(swept);
  expect(stderrOf(swept)).toContain('the post-hook');
  expect((await said()).slice(3)).toEqual(['pre', 'post']);
  await until(() => portAccepts(port), { what: 'the web server runs again' });

  // A hook of this run only. The CA may have begun the validation before the kill.
  validated();
  ca.settings.validate = undefined;
  const renewed = await certfleet([
    'renew',
    '--store',
    join(folder, 'store'),
    '--force',
    '--deploy-hook',
    `echo other >> ${log}`,
  ]);
  succeeded(renewed);
  expect((await said()).slice(5)).toEqual(['pre', 'other', `post ${name}`]);
  await until(() => portAccepts(port), { what: 'the web server runs again' });

  // A changed hook runs at once, with the version that is there.
  const change = (hook: string) => certfleet(['issue', name, '--store', join(folder, 'store'), '--deploy-hook', hook]);
  const changed = await change(`echo changed >> ${log}; exit 3`);
  expect(changed.status).toBe(6);
  expect(stderrOf(changed)).toContain('the command ended with 3');
  succeeded(await change('none'));
  const added = await change(`echo added >> ${log}`);
  succeeded(added);
  expect(added.stdout).toContain('The deploy hook has run.');
  expect((await said()).slice(8)).toEqual(['changed', 'added']);
});

describeWith(['nginx', 'pebble', 'pebble-challtestsrv'], 'a server that only some certificates need stopped', () => {
  it('serves the others until they are renewed', { timeout: 120_000 }, async () => {
    const [at, httpPort] = await Promise.all([temporaryFolder('hooked-nginx'), freePort()]);
    const pebble = await startPebble({ httpPort });
    const [store, webroot, conf] = [join(at, 'store'), join(at, 'www'), join(at, 'nginx.conf')];
    await mkdir(webroot);
    const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
      (kind) => `${kind}_temp_path ${at}/t-${kind};`,
    );
    await writeFile(
      conf,
      `${process.getuid?.() === 0 ? 'user root;' : ''}
       worker_processes 1; pid ${at}/nginx.pid; error_log ${at}/error.log;
       events { worker_connections 64; }
       http { access_log off; ${temporary.join(' ')} server { listen 127.0.0.1:${httpPort}; root ${webroot}; } }`,
    );
    const nginx = `nginx -c ${conf} -p ${at} -e ${at}/error.log`;
    await promisifiedShell(nginx);
    atEnd(() => promisifiedShell(`kill $(cat ${at}/nginx.pid) || :`));
    const common = [
      ...['--store', store, '--issuer', pebble.directoryUrl, '--ca-file', pebble.caFile, '--agree-tos'],
      ...['--http01-port', String(httpPort), '--resolver', pebble.dnsServer],
    ];
    const isStopped = `while [ -e ${at}/nginx.pid ]; do sleep 0.02; done`;
    succeeded(
      await certfleet([
        ...['issue', '-d', 'a.hooked.test', ...common, '--http', `standalone:127.0.0.1:${httpPort}`],
        ...['--pre-hook', `${nginx} -s stop; ${isStopped}`, '--post-hook', `${nginx} >/dev/null 2>&1`],
      ]),
    );
    for (const host of ['b', 'c', 'd'])
      succeeded(await certfleet(['issue', '-d', `${host}.hooked.test`, ...common, '--http', `webroot:${webroot}`]));
    succeeded(await certfleet(['renew', '--force', '--store', store]));
    for (const host of ['a', 'b', 'c', 'd'])
      expect(await readLineage(store, `${host}.hooked.test`)).toMatchObject({ last: { result: 'renewed' } });
    expect(await portAccepts(httpPort)).toBe(true);
  });
});
