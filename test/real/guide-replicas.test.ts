import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { builtProgram } from '../support/built.ts';
import { ask, localHttps } from '../support/https.ts';
import { type Machine, startMachine } from '../support/machines.ts';
import { startPebble } from '../support/pebble.ts';
import { hasPostgres, startPostgres } from '../support/postgres.ts';
import { machines } from '../support/rights.ts';
import {
  bareEnvironment,
  findProgram,
  freePort,
  portAccepts,
  repositoryRoot,
  type Service,
  startService,
  temporaryFolder,
  until,
} from '../support/service.ts';
import { describeWith, stopAllAfterwards } from '../support/vitest.ts';

// docs/guides/several-replicas.md: all that a person types, in this order, on three machines and one at the edge. Each has
// a network, processes, a host name and a disk of its own. Before them stands nginx with the configuration of
// examples/replicas.

stopAllAfterwards();

const textOf = (path: string) => readFileSync(join(repositoryRoot, path), 'utf8');
const guide = (language: string) => textOf(`docs/guides/several-replicas${language}.md`);
const blocksOf = (text: string, language: string) =>
  [...text.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\`$`, 'gms'))].map(([, block = '']) => block);
const commandsOf = (text: string) => blocksOf(text, 'console').flatMap((block) => block.trim().split('\n'));
const portOf = (url: string) => Number(/:(\d+)/.exec(url.replace('https:', ''))![1]);

/** As the guide and the example have them. */
const [responderPort, names] = [30_080, ['web-1', 'web-2', 'web-3', 'edge']] as const;

interface Node {
  readonly name: string;
  readonly machine: Machine;
  /** Its disk as others see it. */
  readonly disk: string;
  /** What was typed for the rest of its shell's life. */
  shell: string;
}

describeWith(
  ['pebble', hasPostgres, 'psql', 'nginx', 'openssl', 'systemctl', 'curl', 'nsenter', machines],
  'the guide "Several replicas"',
  () => {
    it('leads to three replicas that lose one, and the database', { timeout: 150_000 }, async () => {
      const certificate = await localHttps();
      const [web, tls] = [await freePort(), await freePort()];
      const [server, pebble, base] = await Promise.all([
        startPostgres({ certificate }),
        startPebble({ httpPort: web }),
        temporaryFolder('guide-replicas'),
      ]);
      // Each machine has its own disk there.
      const root = join(base, 'root');
      const at = (path: string) => join(root, path);
      const env = {
        ...bareEnvironment(),
        CERTFLEET_ROOT: root,
        PATH: `${join(base, 'bin')}:${process.env['PATH']}`,
        PGPASSWORD: server.admin.password,
      };
      const write = async (path: string, text: string, mode = 0o600) => {
        await mkdir(dirname(path), { recursive: true });
        await writeFile(path, text, { mode });
      };
      await write(
        join(base, 'bin/certfleet'),
        `#!/bin/sh\nexec '${process.execPath}' '${builtProgram()}' "$@"\n`,
        0o755,
      );
      await mkdir(root);
      const outside = (['tcp', 'udp'] as const).map((kind) => ({ kind, port: portOf(pebble.dnsServer) }));
      for (const port of [server.port, web, portOf(pebble.directoryUrl)]) outside.push({ kind: 'tcp', port });
      const nodes = await Promise.all(
        names.map(async (name): Promise<Node> => {
          const disk = join(base, name);
          await mkdir(join(disk, 'run/systemd/system'), { recursive: true });
          const inside = [{ kind: 'tcp', port: responderPort } as const];
          const machine = await startMachine(name, base, { outside, inside });
          const [nsenter = '', ...args] = [...machine.inside, 'mount', '--bind', disk, root];
          await promisify(execFile)(nsenter, args);
          return { name, machine, disk, shell: ':' };
        }),
      );
      const [first, second, third, edge] = nodes as [Node, Node, Node, Node];
      const replicas = [first, second, third];

      /** Puts the places of this test into a text of the guide. */
      const here = (text: string) =>
        text
          .replaceAll('/etc/certfleet', at('etc/certfleet'))
          .replaceAll('www.example.com', 'www.example.test')
          .replaceAll('db.example.com', `127.0.0.1:${server.port}`)
          .replaceAll('env:DATABASE_URL"', `env:DATABASE_URL", caFile: ${certificate.caFile}`)
          .replaceAll('directory: letsencrypt', `directory: ${pebble.directoryUrl}, caFile: ${pebble.caFile}`);
      const lines = commandsOf(guide(''));
      const next = (begin: string) => {
        const line = lines.shift()?.replace(/^# /, '') ?? '';
        expect(line.slice(0, begin.length), line).toBe(begin);
        return here(line);
      };
      const inShell = ({ machine, shell }: Node, line: string) => [
        ...machine.inside,
        '/bin/sh',
        '-c',
        `${shell}\n${line}`,
      ];
      /** Runs a line on a machine, and returns what it printed. */
      const run = (node: Node, line: string) =>
        new Promise<{ readonly status: number; readonly said: string }>((answer) => {
          const [program = '', ...args] = inShell(node, line);
          const child = execFile(program, args, { env, timeout: 80_000 }, (_error, stdout, stderr) =>
            answer({ status: child.exitCode ?? -1, said: stdout + stderr }),
          );
        });
      const running: Service[] = [];
      /** Types the next line on machines, where it must succeed, and returns what the first one printed. */
      const type = async (begin: string, on = [first], more = ''): Promise<string> => {
        const line = `${next(begin)}${more}`;
        const ran = await Promise.all(on.map((node) => run(node, line)));
        for (const { status, said } of ran)
          expect(status, `${line}\n${said}\n${running.map((one) => one.log()).join('\n----\n')}`).toBe(0);
        return ran[0]!.said;
      };
      const start = async (node: Node, line: string) => {
        const [program = '', ...args] = inShell(node, `exec ${line}`);
        const service = await startService({ name: node.name, program, args, env });
        running.push(service);
        return service;
      };
      const says = (service: Service, text: string) =>
        until(() => service.log().includes(text), { what: `it says ${text}: ${service.log()}`, everyMs: 50 });

      for (const sql of ['drop database certfleet', 'drop role certfleet']) await server.sql(sql, 'postgres');
      const [database = '', password = ''] = blocksOf(guide(''), 'sql');
      for (const sql of database.trim().split('\n')) await server.sql(sql, 'postgres');
      await mkdir(join(first.disk, 'etc/certfleet'), { recursive: true });
      await type('certfleet store key');
      const key = await readFile(join(first.disk, 'etc/certfleet/store.key'), 'utf8');
      const [environment = ''] = blocksOf(guide(''), 'sh');
      const [declared = '', declaredAtEdge = ''] = blocksOf(guide(''), 'yaml').map(here);
      const preflight = `preflight: { resolvers: ["${pebble.dnsServer}"], http01Port: ${web} }\n`;
      for (const { disk } of replicas) {
        await write(join(disk, 'etc/certfleet/store.key'), key);
        await write(join(disk, 'etc/certfleet/environment'), here(environment), 0o644);
        await write(join(disk, 'etc/certfleet/certfleet.yaml'), `${declared}\n${preflight}`);
      }
      await type('chmod 600', replicas);
      const settings = next('set -a');
      for (const node of replicas) node.shell = settings;
      expect(await type('certfleet config check', replicas)).toContain('is valid');
      expect(await type('certfleet doctor --store', replicas)).toMatch(/there is no store at .*, but one can be made/s);

      const own = textOf('examples/replicas/nginx.conf')
        .replaceAll('/tmp/', `${base}/`)
        .replaceAll('/dev/stderr', 'stderr')
        .replaceAll('/certs/', join(first.disk, 'etc/certfleet/certs/'))
        .replace('8080', `127.0.0.1:${web}`)
        .replace('8443', `127.0.0.1:${tls}`)
        .replaceAll(/10\.118\.47\.1(\d):30080/g, (_all, at) => `unix:${base}/web-${at}-tcp-${responderPort}`);
      // The image has a user of its own; here, workers must be able to read what root has written.
      await write(join(base, 'nginx.conf'), `user root;\n${own}`);
      await startService({
        name: 'nginx',
        program: findProgram('nginx', 'system')!,
        args: ['-p', base, '-e', 'stderr', '-c', join(base, 'nginx.conf'), '-g', 'daemon off;'],
        ready: () => portAccepts(tls),
      });

      // All at once: each may be the one that makes the store, and the one that orders.
      const line = next('certfleet run');
      const services = await Promise.all(replicas.map((node) => start(node, line)));
      for (const service of services) await says(service, 'it takes care of the certificates from now on');
      const delivered = ({ disk }: Node) =>
        readFile(join(disk, 'etc/certfleet/certs/live/www/cert.pem'), 'utf8').catch(() => '');
      const allHave = (which: readonly Node[], old = '') =>
        until(
          async () => {
            const [one, ...others] = await Promise.all(which.map(delivered));
            return one !== '' && one !== old && others.every((other) => other === one);
          },
          { what: 'every replica has the same certificate', everyMs: 100 },
        );
      await allHave(replicas);
      // A replica writes into the store what it has a moment after it has it.
      const isSettled = async () => {
        const { said } = await run(first, 'certfleet status');
        return (
          /^www +valid /m.test(said) && replicas.every(({ name }) => new RegExp(`^${name} .* nothing$`, 'm').test(said))
        );
      };
      await until(isSettled, { what: 'no replica lacks anything', everyMs: 100 });
      const status = await type('certfleet status');
      for (const { name } of replicas) expect(status).toMatch(new RegExp(`^${name} +running since `, 'm'));
      expect(await type('certfleet health --ready', replicas)).toContain('ok');
      await type('certfleet install-timer --daemon', [first], ' --yes');
      const unit = await readFile(join(first.disk, 'etc/systemd/system/certfleet.service'), 'utf8');
      expect(unit).toContain('EnvironmentFile=-/etc/certfleet/environment');

      const before = await delivered(first);
      await second.machine.powerOff();
      expect(await type('certfleet renew --force')).toContain('renewed, valid until');
      await allHave([first, third], before);
      expect(await delivered(second)).toBe(before);
      expect(await type('certfleet status')).toContain('The node web-2 lacks www (files)');
      await write(join(base, 'root.pem'), await pebble.roots());
      const served = await ask(`https://www.example.test:${tls}/`, {
        caFile: join(base, 'root.pem'),
        connectTo: { address: '127.0.0.1', port: tls },
      });
      expect(served.text).toBe('served by nginx\n');

      await server.stop();
      const ready = next('certfleet health --ready');
      const away = await until(
        async () => {
          const { status: code, said } = await run(first, ready);
          return code !== 0 && said;
        },
        { what: 'it is not ready', everyMs: 100 },
      );
      expect(away).toContain('the store cannot be read');
      await server.start();
      await until(async () => (await run(first, ready)).status === 0, { what: 'it is ready again', everyMs: 100 });
      await type('certfleet health --ready');
      for (const service of services) expect(service.log()).not.toContain('bug/');

      await type('certfleet store responder-role');
      await server.sql(password);
      await type('certfleet store responder-secret');
      const secret = await readFile(join(first.disk, 'etc/certfleet/responder.secret'), 'utf8');
      await write(join(edge.disk, 'etc/certfleet/responder.secret'), secret);
      await write(join(edge.disk, 'etc/certfleet/certfleet.yaml'), declaredAtEdge);
      const login = { user: 'certfleet_responder', password: /'(.*)'/.exec(password)?.[1] ?? '' };
      edge.shell = `export DATABASE_URL=${server.url(login)}`;
      await says(await start(edge, next('certfleet run --role responder')), 'it answers challenges from now on');
      const answer = `curl --fail --silent http://127.0.0.1:${responderPort}/.well-known/acme-challenge/_health`;
      expect((await run(edge, answer)).said).toContain('certfleet-health');
      expect(lines).toEqual([]);
      for (const { machine } of [first, third, edge]) await machine.powerOff();
    });
  },
);

describe('the guide "Several replicas"', () => {
  it('is the same in Chinese', () => {
    const chinese = guide('.zh-CN');
    expect(commandsOf(chinese)).toEqual(commandsOf(guide('')));
    for (const language of ['yaml', 'sh', 'sql'])
      expect(blocksOf(chinese, language)).toEqual(blocksOf(guide(''), language));
  });

  it('has an example whose configuration is valid', async () => {
    const folder = await temporaryFolder('replicas');
    const file = join(folder, 'certfleet.yaml');
    const env = { ...bareEnvironment(), CERTFLEET_ROOT: folder };
    await writeFile(join(folder, 'database-password'), 'x\n', { mode: 0o400 });
    await writeFile(join(folder, 'store.key'), `${Buffer.alloc(32, 1).toString('base64')}\n`, { mode: 0o400 });
    await writeFile(file, textOf('examples/replicas/certfleet.yaml').replaceAll('/run/secrets', folder));
    const args = [builtProgram(), 'config', 'check', '--config', file];
    const said = await new Promise<string>((answer, reject) =>
      execFile(process.execPath, args, { env }, (error, stdout, stderr) =>
        error ? reject(new Error(stdout + stderr)) : answer(stdout + stderr),
      ),
    );
    expect(said).toContain('is valid');
    expect(said).not.toMatch(/warn/);
  });
});
