import { execFile } from 'node:child_process';
import { chmodSync, chownSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, it } from 'vitest';
import { registry } from '../../src/generated/registry.ts';
import { type AcmeCa, startAcmeCa } from '../support/acme-ca.ts';
import { filesBelow, readLineage, stderrOf, succeeded } from '../support/e2e.ts';
import { type Image, imageSettings, makeImage, readDockerfile } from '../support/image.ts';
import { containers } from '../support/rights.ts';
import { findProgram, freePort, repositoryRoot, temporaryFolder, until } from '../support/service.ts';
import { describeWith, stopAllAfterwards } from '../support/vitest.ts';

// The Dockerfile and compose.yaml. No container engine runs here: their syntax is checked, and the entry point runs in a
// root file system made as the Dockerfile says.

stopAllAfterwards();
const execute = promisify(execFile);

const instructions = readDockerfile(readFileSync(join(repositoryRoot, 'Dockerfile'), 'utf8'));
const valuesOf = (name: string, stage?: number) =>
  instructions
    .filter((one) => one.name === name && (stage === undefined || one.stage === stage))
    .map(({ value }) => value);

describe('the Dockerfile', () => {
  it('has two stages on a base whose name and digest are arguments', () => {
    expect(valuesOf('ARG', 0)).toEqual(['NODE_IMAGE=node:24-trixie-slim', 'NODE_DIGEST=']);
    // biome-ignore lint/suspicious/noTemplateCurlyInString: as in the Dockerfile
    const base = '${NODE_IMAGE}${NODE_DIGEST:+@${NODE_DIGEST}}';
    expect(valuesOf('FROM')).toEqual([`${base} AS build`, base]);
  });

  it('uses only instructions that exist, and copies only what .dockerignore lets through', () => {
    const known = ['ARG', 'FROM', 'WORKDIR', 'COPY', 'RUN', 'ENV', 'USER', 'VOLUME', 'EXPOSE', 'ENTRYPOINT', 'CMD'];
    expect(instructions.map(({ name }) => name).filter((name) => !known.includes(name))).toEqual([]);
    const ignored = readFileSync(join(repositoryRoot, '.dockerignore'), 'utf8').split('\n');
    const kept = ignored.filter((line) => line.startsWith('!')).map((line) => line.slice(1));
    expect(ignored).toContain('*');
    for (const name of kept) expect(existsSync(join(repositoryRoot, name)), name).toBe(true);
    for (const name of valuesOf('COPY', 1).flatMap((value) => value.split(' ').slice(0, -1)))
      expect(name === '.' || kept.includes(name), name).toBe(true);
    // The packed package: what package.json lists must get into the build stage.
    const { files } = JSON.parse(readFileSync(join(repositoryRoot, 'package.json'), 'utf8')) as { files: string[] };
    const needed = files.filter((name) => !name.startsWith('!') && name !== 'dist');
    expect(needed.filter((name) => !kept.includes(name))).toEqual([]);
  });

  it('runs as a user that is not root, with the state in a volume', () => {
    const { user, entrypoint, volumes } = imageSettings(instructions);
    expect({ user, entrypoint, volumes }).toEqual({
      user: '10001:10001',
      entrypoint: ['certfleet'],
      volumes: ['/var/lib/certfleet'],
    });
  });
});

interface Compose {
  readonly services: Readonly<Record<string, ComposeService>>;
  readonly volumes: Readonly<Record<string, unknown>>;
}
interface ComposeService {
  readonly command: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly healthcheck: { readonly test: readonly string[] };
  readonly networks?: Readonly<Record<string, { readonly ipv4_address?: string } | null>>;
  readonly restart: string;
  readonly stop_grace_period: string;
  readonly volumes: readonly { readonly type: string; readonly source: string; readonly target: string }[];
}

/** compose.yaml as docker compose reads it, with its defaults and its schema; needs no engine. */
async function readCompose(file = 'compose.yaml'): Promise<Compose> {
  const program = findProgram('docker-compose', 'system')!;
  const args = ['--file', join(repositoryRoot, file), 'config', '--format', 'json'];
  const { stdout, stderr } = await execute(program, args, {
    env: { PATH: process.env['PATH'] ?? '', HOME: '/nonexistent' },
  });
  expect(stderr).toBe('');
  return JSON.parse(stdout) as Compose;
}

describeWith(['docker-compose'], 'compose.yaml', () => {
  it('is valid, and keeps the state in a named volume', async () => {
    const { services, volumes } = await readCompose();
    const { restart, volumes: mounts = [] } = services['certfleet'] ?? {};
    expect(restart).toBe('unless-stopped');
    expect(Object.keys(volumes).sort()).toEqual(['certs', 'state']);
    expect(mounts).toContainEqual(
      expect.objectContaining({ type: 'volume', source: 'state', target: '/var/lib/certfleet' }),
    );
  });
});

describeWith(['docker-compose'], 'the stack for a Swarm', () => {
  it('is valid, and runs as compose.yaml does', async () => {
    const [one, other] = await Promise.all([readCompose(), readCompose('examples/swarm/stack.yaml')]);
    const [compose, swarm] = [one.services['certfleet']!, other.services['certfleet']!];
    expect([swarm.command, swarm.healthcheck]).toEqual([compose.command, compose.healthcheck]);
    expect(swarm.stop_grace_period).toBe(compose.stop_grace_period);
  });
});

describeWith(['docker-compose'], 'the compose file of several replicas', () => {
  it('is valid, and runs each replica as compose.yaml does, with a name and an address of its own', async () => {
    const [one, { services }] = await Promise.all([readCompose(), readCompose('examples/replicas/compose.yaml')]);
    const { command, restart, healthcheck, stop_grace_period } = one.services['certfleet']!;
    const replicas = Object.entries(services).filter(([name]) => name.startsWith('certfleet-'));
    expect(Object.keys(services).sort()).toEqual(['certfleet-1', 'certfleet-2', 'certfleet-3', 'nginx', 'postgres']);
    const balanced = readFileSync(join(repositoryRoot, 'examples/replicas/nginx.conf'), 'utf8');
    for (const [name, replica] of replicas) {
      expect(replica).toMatchObject({ command, restart, stop_grace_period, environment: { CERTFLEET_NODE: name } });
      expect(replica.healthcheck.test).toEqual(healthcheck.test);
      expect(balanced).toContain(`server ${replica.networks?.['default']?.ipv4_address}:30080 `);
    }
  });
});

describeWith([containers], 'the entry point of the image', () => {
  let image: Image;
  let ca: AcmeCa;
  let port: number;
  beforeAll(async () => {
    image = await makeImage();
    port = await freePort();
    ca = await startAcmeCa({ settings: { httpPort: port } });
  });

  /** A folder of the host, as root made it: `docker run -v ~/letsencrypt:…` makes it so, too. */
  async function volume(owner = 0): Promise<string> {
    const folder = join(await temporaryFolder('volume'), 'letsencrypt');
    mkdirSync(folder, { mode: 0o755 });
    chmodSync(folder, 0o755);
    chownSync(folder, owner, owner);
    return folder;
  }
  const caPort = () => Number(new URL(ca.url).port);
  /** What the store says of the certificate; a copy for root, who trusts no folder of another user. */
  async function lineageIn(folder: string) {
    const copy = join(await temporaryFolder('copy'), 'store');
    await execute('cp', ['-r', folder, copy]);
    return readLineage(copy, 'abc.example.test');
  }
  /** `docker run --rm -p PORT:80 -v ~/letsencrypt:/var/lib/certfleet certfleet …`, with a CA of this machine. */
  const dockerRun = (folder: string, args: readonly string[], user?: string) =>
    image.run(args, {
      volumes: { '/var/lib/certfleet': folder, '/ca.pem': ca.caFile },
      publish: { [port]: 80 },
      reach: [caPort()],
      ...(user === undefined ? {} : { user }),
    });
  const issue = () => [
    ...['issue', '-d', 'abc.example.test', '--agree-tos', '--issuer', ca.directoryUrl, '--ca-file', '/ca.pem'],
    ...['--http01-port', String(port), '--deploy', 'files:/var/lib/certfleet/certs'],
  ];

  it('prints its help, and loads every adapter without node_modules', async () => {
    const help = await image.run(image.command);
    succeeded(help);
    expect(help.stdout).toContain('certfleet issue');
    expect(existsSync(join(image.folder, 'opt/certfleet/node_modules'))).toBe(false);
    for (const kind of Object.values(registry))
      for (const id of Object.keys(kind)) succeeded(await image.run(['providers', id]));
  });

  it('has one sentence for a folder of root: whom to give it to, or as whom to run', async () => {
    const folder = await volume();
    const refused = await dockerRun(folder, issue());
    expect(refused.status).toBe(7);
    expect(stderrOf(refused)).toMatch(/the store \/var\/lib\/certfleet cannot be used: permission denied/);
    expect(stderrOf(refused)).toContain(
      'With docker, change the mounted folder on the host (`sudo chown -R 10001 FOLDER`), or give `docker run` the flag `--user 0`.',
    );
    expect(await filesBelow(folder)).toEqual(new Map());

    // Each of the two remedies is enough.
    chownSync(folder, 10_001, 10_001);
    succeeded(await dockerRun(folder, issue()));
    const byRoot = await volume();
    succeeded(await dockerRun(byRoot, issue(), '0'));

    // After a run as root, the image's own user is told the same.
    const again = await dockerRun(byRoot, ['renew']);
    expect(again.status).toBe(7);
    expect(stderrOf(again)).toContain('`sudo chown -R 10001 FOLDER`');
    await execute('chown', ['-R', '10001', byRoot]);
    succeeded(await dockerRun(byRoot, ['renew']));
    // And root is told not to trust what another user can write.
    const asRoot = await dockerRun(byRoot, ['renew'], '0');
    expect(asRoot.status).toBe(7);
    expect(stderrOf(asRoot)).toMatch(
      /belongs to user 10001 A store names .* Run certfleet as that user \(`docker run --user`\)/,
    );
  });

  it('runs as any user that owns the folder, with or without a name', async () => {
    const folder = await volume(12_345);
    succeeded(await dockerRun(folder, issue(), '12345'));
    const certificate = join(folder, 'certs/live/abc.example.test/fullchain.pem');
    expect(statSync(certificate).uid).toBe(12_345);
    const idle = await dockerRun(folder, ['renew', '--next-run', '31d'], '12345:12345');
    succeeded(idle);
    expect(idle.stdout).toMatch(/^abc\.example\.test: not due yet; valid until/);
    const forced = await dockerRun(folder, ['renew', '--force'], '12345');
    succeeded(forced);
    expect(forced.stdout).toMatch(/^abc\.example\.test: renewed/);
  });

  it('takes the command lines of certbot, with files in its folder if that is mounted', async () => {
    const [folder, live, served] = [await volume(10_001), await volume(10_001), await volume(10_001)];
    const own = ['--server', ca.directoryUrl, '--ca-file', '/ca.pem'];
    const configuration = join(await temporaryFolder('certbot-words'), 'certfleet.yaml');
    writeFileSync(configuration, JSON.stringify({ preflight: { http01Port: port } }), { mode: 0o644 });
    const run = (...args: readonly string[]) =>
      image.run(['certbot', ...args], {
        volumes: {
          ...{ '/var/lib/certfleet': folder, '/etc/letsencrypt': live, '/var/www/html': served, '/ca.pem': ca.caFile },
          '/etc/certfleet/certfleet.yaml': configuration,
        },
        publish: { [port]: 80 },
        reach: [caPort()],
      });
    const name = 'abc.example.test';
    succeeded(await run('certonly', '--standalone', '-d', name, '--agree-tos', ...own));
    expect(statSync(join(live, 'live', name, 'fullchain.pem')).uid).toBe(10_001);
    // The monthly job; nothing is due.
    const job = await run('renew', '-a', 'webroot', '--webroot-path=/var/www/html', '-d', name);
    succeeded(job);
    expect(job.stdout).toContain('its new settings are stored; the certificate itself is not due yet');
    // Without a folder mounted for them, the files go with the container; the store has them.
    const bare = { volumes: { '/var/lib/certfleet': folder, '/ca.pem': ca.caFile }, reach: [caPort()] };
    succeeded(await image.run(['certbot', 'renew', '-d', name], bare));
  });

  it('says so if the store goes with the container: the folder was mounted where certbot has it', async () => {
    const anonymous = join(await temporaryFolder('docker'), 'volumes', '0a'.repeat(32), '_data');
    mkdirSync(anonymous, { recursive: true });
    chownSync(anonymous, 10_001, 10_001);
    // `docker run --rm -v ~/letsencrypt:/etc/letsencrypt`: the image's own volume gets one without a name.
    const volumes = { '/etc/letsencrypt': await volume(), '/var/lib/certfleet': anonymous, '/ca.pem': ca.caFile };
    const ran = await image.run(issue(), { volumes, publish: { [port]: 80 }, reach: [caPort()] });
    succeeded(ran);
    expect(stderrOf(ran)).toMatch(
      /a new store was made at \/var\/lib\/certfleet, which is in an anonymous volume and goes with this container; mount a folder there \(docker run -v ~\/letsencrypt:\/var\/lib\/certfleet\), or the next run orders every certificate again/,
    );
  });

  it('finishes what a killed container began, and leaves nothing', async () => {
    const folder = await volume(10_001);
    let release = () => {};
    const released = new Promise<void>((done) => {
      release = done;
    });
    let asked = 0;
    ca.settings.validate = async () => {
      asked += 1;
      await released;
      return undefined;
    };
    try {
      const configuration = join(await temporaryFolder('killed'), 'certfleet.yaml');
      writeFileSync(configuration, JSON.stringify({ leaseTtl: '1s' }), { mode: 0o644 });
      const options = {
        volumes: {
          '/var/lib/certfleet': folder,
          '/ca.pem': ca.caFile,
          '/etc/certfleet/certfleet.yaml': configuration,
        },
        publish: { [port]: 80 },
        reach: [caPort()],
      };
      const killed = await image.start(issue(), options);
      await until(() => asked === 1, { what: 'the CA validates', deadlineMs: 60_000 });
      killed.signal('SIGKILL');
      expect((await killed.ended).status).not.toBe(0);
      release();
      await ca.idle();
      // The process numbers of another container say nothing, so its lease has to run out.
      const next = await image.run(['renew', '--next-run', '31d'], options);
      succeeded(next);
      expect(next.stdout).toMatch(/^abc\.example\.test: issued/);
      const { work, tombstones = [] } = await lineageIn(folder);
      expect(work).toBeUndefined();
      expect(tombstones.length).toBeLessThanOrEqual(1);
    } finally {
      release();
      ca.settings.validate = undefined;
    }
  });

  it.runIf(findProgram('docker-compose', 'system'))('keeps renewing under compose, and stops at once', async () => {
    const { command, environment, healthcheck } = (await readCompose()).services['certfleet']!;
    const folder = await volume(10_001);
    const configuration = join(await temporaryFolder('compose'), 'certfleet.yaml');
    const content = {
      store: { type: 'file', path: '/var/lib/certfleet' },
      issuers: { own: { directory: ca.directoryUrl, caFile: '/ca.pem', agreeToTerms: true, test: true } },
      solvers: { web: { type: 'http01-responder', listen: '0.0.0.0:30080' } },
      deployers: { certs: { type: 'files', path: '/certs' } },
      certificates: [{ name: 'abc', identifiers: ['abc.example.test'], deploy: ['certs'] }],
      preflight: { http01Port: port },
    };
    writeFileSync(configuration, JSON.stringify(content), { mode: 0o644 });
    const certs = await volume(10_001);
    const options = {
      env: environment,
      volumes: {
        '/var/lib/certfleet': folder,
        '/certs': certs,
        '/tmp': await volume(10_001),
        '/etc/certfleet/certfleet.yaml': configuration,
        '/ca.pem': ca.caFile,
      },
      publish: { [port]: 30_080 },
      reach: [caPort()],
    };
    const running = await image.start(command, options);
    await until(() => /Z abc: issued/m.test(running.output()), { what: 'it has issued', deadlineMs: 60_000 });
    await until(() => existsSync(join(certs, 'live/abc/fullchain.pem')), { what: 'it has delivered' });
    expect(healthcheck.test).toEqual(['CMD-SHELL', 'certfleet health || exit 1']);
    expect(await image.run(['health'], { ...options, publish: {}, reach: [] })).toMatchObject({
      status: 0,
      stdout: 'ok\n',
    });
    const before = performance.now();
    running.signal('SIGTERM');
    expect((await running.ended).status).toBe(0);
    expect(performance.now() - before).toBeLessThan(10_000);
    // `docker compose run --rm certfleet status`
    const status = await image.run(['status'], options);
    succeeded(status);
    expect(status.stdout).toMatch(/^abc +valid /m);
  });
});
