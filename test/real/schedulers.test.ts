import { execFile } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { loadAll } from 'js-yaml';
import { beforeAll, beforeEach, expect, it } from 'vitest';
import { type AcmeCa, startAcmeCa } from '../support/acme-ca.ts';
import { itDrawn } from '../support/drawn.ts';
import { type Ran, succeeded } from '../support/e2e.ts';
import { type Image, makeImage, type RunOptions } from '../support/image.ts';
import { startKubernetes } from '../support/kubernetes.ts';
import { containers } from '../support/rights.ts';
import { findProgram, freePort, repositoryRoot, temporaryFolder, until } from '../support/service.ts';
import { describeWith, noteSkipped, stopAllAfterwards } from '../support/vitest.ts';

// examples/: each is checked as far as a program for it exists, and the process that it starts runs for real.

stopAllAfterwards();
const execute = promisify(execFile);

const pathOf = (name: string) => join(repositoryRoot, 'examples', name);
const textOf = (name: string) => readFileSync(pathOf(name), 'utf8');
const guide = readFileSync(join(repositoryRoot, 'docs/guides/renew-unattended.md'), 'utf8');

describeWith([containers], 'the process that the examples for schedulers start', () => {
  let image: Image;
  let ca: AcmeCa;
  let port: number;
  let state: string;
  let cache: string;
  let configuration: string;

  beforeAll(async () => {
    [image, port] = await Promise.all([makeImage(), freePort()]);
    ca = await startAcmeCa({ settings: { httpPort: port } });
  });

  // A node with a store that the image's user owns, and a configuration that root owns.
  beforeEach(async () => {
    state = await temporaryFolder('state');
    chmodSync(state, 0o755);
    // A container has its own, in which certfleet remembers the stores that its machine has used.
    cache = await temporaryFolder('cache');
    chmodSync(cache, 0o1777);
    const folder = await temporaryFolder('etc');
    configuration = join(folder, 'certfleet.yaml');
    const content = {
      store: { type: 'file', path: '/var/lib/certfleet' },
      issuers: { own: { directory: ca.directoryUrl, caFile: '/ca.pem', agreeToTerms: true, test: true } },
      solvers: { web: { type: 'http01-responder', listen: '0.0.0.0:30080' } },
      certificates: [{ name: 'abc', identifiers: ['abc.example.test'], deploy: [] }],
      preflight: { http01Port: port },
    };
    writeFileSync(configuration, JSON.stringify(content), { mode: 0o644 });
    chmodSync(configuration, 0o644);
  });

  /** The rest of what every run has: the CA, and the configuration in its default place. */
  const around = (options: RunOptions = {}): RunOptions => ({
    publish: { [port]: 30_080 },
    reach: [Number(new URL(ca.url).port)],
    ...options,
    volumes: {
      '/ca.pem': ca.caFile,
      '/etc/certfleet/certfleet.yaml': configuration,
      '/var/lib/certfleet': state,
      '/var/cache': cache,
      ...options.volumes,
    },
  });
  const ofTheImage = () => chownSync(state, 10_001, 10_001);

  async function expectIssued(ran: Ran, user = image.user): Promise<void> {
    succeeded(ran);
    const status = await image.run(['status'], around({ user }));
    expect(status.stdout, status.stderr).toMatch(/^abc +valid /m);
  }

  it('cron: each line, with cron’s shell and environment', async () => {
    const lines = textOf('cron/certfleet').split('\n');
    const PATH = lines.find((line) => line.startsWith('PATH='))?.slice('PATH='.length);
    // The lines that are commented out are the other schedule.
    const jobs = lines.flatMap((line) => /^#?((?:[\d*]+ ){5})root (.*)$/.exec(line)?.slice(1) ?? []);
    expect(jobs).toHaveLength(6);
    const commands = jobs.filter((_, index) => index % 2 === 1);
    expect(commands).toEqual([
      'certfleet renew --quiet',
      'certfleet renew --quiet --next-run 31d',
      'certfleet sweep --quiet',
    ]);
    const env = { PATH: PATH!, SHELL: '/bin/sh', HOME: '/root', LOGNAME: 'root' };
    for (const [index, command] of commands.entries()) {
      const entrypoint = ['/bin/sh', '-c', command];
      const ran = await image.run([], around({ user: '0', env, entrypoint }));
      if (index === 0) await expectIssued(ran, '0');
      else expect(ran).toMatchObject({ status: 0, stdout: '', stderr: '' });
    }
    const crontab = findProgram('crontab', 'system');
    if (crontab === undefined) return noteSkipped('not tested: cron’s own check of the example (missing: crontab)');
    // A user's crontab has no column for the user.
    const own = join(await temporaryFolder('crontab'), 'crontab');
    writeFileSync(own, lines.map((line) => line.replace(/^#?((?:[\d*]+ ){5})root /, '$1')).join('\n'));
    await execute(crontab, ['-n', own]);
  });

  itDrawn('systemd: the service, which is the guide’s', async () => {
    for (const name of ['certfleet.service', 'certfleet.timer']) expect(guide).toContain(textOf(`systemd/${name}`));
    const start = /^ExecStart=(.*)$/m.exec(textOf('systemd/certfleet.service'))?.[1] ?? '';
    const entrypoint = start.split(' ');
    await expectIssued(await image.run([], around({ user: '0', env: { PATH: '/usr/bin:/bin' }, entrypoint })), '0');
  });

  itDrawn('Chronos: its command, with the volumes and the port of the job', async () => {
    const job = JSON.parse(textOf('mesos/chronos.json')) as ChronosJob;
    expect(job.name).toMatch(/^[\w\s.#-]+$/);
    expect(job.schedule).toMatch(/^R\/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ\/P1M$/);
    expect(job.container.type).toBe('DOCKER');
    expect(job.container.volumes.map(({ containerPath, mode }) => [containerPath, mode])).toEqual([
      ['/var/lib/certfleet', 'RW'],
      ['/etc/certfleet', 'RO'],
    ]);
    const options = Object.fromEntries(job.container.parameters.map(({ key, value }) => [key, value]));
    expect(options).toEqual({ publish: '30080:30080', init: 'true' });
    ofTheImage();
    // With a shell, Mesos puts /bin/sh in the place of the image's entry point.
    const entrypoint = ['/bin/sh', '-c', job.command];
    await expectIssued(await image.run([], around({ entrypoint })));
    const again = await image.run([], around({ entrypoint }));
    expect(again).toMatchObject({ status: 0, stdout: expect.stringMatching(/^abc: not due yet/) });
  });

  /** Starts what keeps running, waits for its certificate, asks for its health, and stops it in time. */
  async function keepsRunning(args: readonly string[], options: RunOptions, graceSeconds: number): Promise<void> {
    const { env, user = image.user } = options;
    const tmp = await temporaryFolder('tmp');
    chownSync(tmp, 10_001, 10_001);
    const shared = { ...options, env: { ...env }, volumes: { '/tmp': tmp } };
    const running = await image.start(args, around(shared));
    await until(() => /Z abc: issued/m.test(running.output()), { what: 'it has issued', deadlineMs: 60_000 });
    const health = await image.run(['health', '--ready'], around({ volumes: shared.volumes, user, publish: {} }));
    expect(health).toMatchObject({ status: 0, stdout: 'ok\n' });
    const before = performance.now();
    running.signal('SIGTERM');
    await expectIssued(await running.ended, user);
    expect(performance.now() - before).toBeLessThan(graceSeconds * 1_000);
  }

  itDrawn('Marathon: its cmd, which stops within the grace period', async () => {
    const app = JSON.parse(textOf('mesos/marathon.json')) as MarathonApp;
    expect(app.container.docker.portMappings).toEqual([{ containerPort: 30_080, hostPort: 30_080, protocol: 'tcp' }]);
    // Two instances would have the same port of one node.
    expect(app.upgradeStrategy).toEqual({ minimumHealthCapacity: 0, maximumOverCapacity: 0 });
    ofTheImage();
    expect(app.healthChecks).toMatchObject([{ protocol: 'COMMAND', command: { value: 'certfleet health' } }]);
    const entrypoint = ['/bin/sh', '-c', app.cmd];
    await keepsRunning([], { entrypoint, env: app.env }, app.taskKillGracePeriodSeconds);
  });

  itDrawn('Kubernetes: what keeps running, and its health', async () => {
    const pod = kubernetesObjects('deployment')[0]!.spec.template!.spec;
    const [one] = pod.containers;
    expect(one!.livenessProbe!.exec.command).toEqual(['certfleet', 'health']);
    expect(one!.readinessProbe!.exec.command).toEqual(['certfleet', 'health', '--ready']);
    ofTheImage();
    const env = Object.fromEntries(one!.env!.map(({ name, value }) => [name, value]));
    await keepsRunning(one!.args!, { env }, pod.terminationGracePeriodSeconds);
  });

  itDrawn('Kubernetes: the init container on a volume of root, then the container', async () => {
    const pod = kubernetesObjects('cronjob')[0]!.spec.jobTemplate!.spec.template.spec;
    const [first] = pod.initContainers;
    const [second] = pod.containers;
    const { runAsUser, runAsGroup } = second!.securityContext;
    const user = `${runAsUser}:${runAsGroup}`;
    expect(user).toBe(image.user);
    const args = second!.args!;
    // Without the init container, the store is root's.
    expect((await image.run(args, around({ user }))).status).toBe(7);
    succeeded(await image.run([], around({ user: '0', entrypoint: first!.command! })));
    await expectIssued(await image.run(args, around({ user })));
  });

  itDrawn('docker run, word for word', async () => {
    const folder = await temporaryFolder('docker');
    const log = join(folder, 'arguments');
    writeFileSync(join(folder, 'docker'), `#!/bin/sh\nprintf '%s\\n' "$@" > '${log}'\n`, { mode: 0o755 });
    const home = join(folder, 'home');
    mkdirSync(home);
    const PATH = `${folder}:${process.env['PATH']}`;
    await execute(pathOf('docker/run.sh'), [], { env: { PATH, HOME: home } });
    const [run, ...words] = readFileSync(log, 'utf8').trim().split('\n');
    const at = words.indexOf('certfleet');
    const flags = words.slice(0, at);
    expect([run, ...flags]).toEqual([
      ...['run', '--rm', '--init', '-p', '30080:80', '-v', `${home}/letsencrypt:/var/lib/certfleet`],
    ]);
    ofTheImage();
    const configured = JSON.parse(readFileSync(configuration, 'utf8')) as { solvers: { web: { listen: string } } };
    configured.solvers.web.listen = '0.0.0.0:80';
    writeFileSync(configuration, JSON.stringify(configured));
    await expectIssued(await image.run(words.slice(at + 1), around({ publish: { [port]: 80 } })));
  });
});

interface ChronosJob {
  readonly name: string;
  readonly schedule: string;
  readonly command: string;
  readonly container: {
    readonly type: string;
    readonly volumes: readonly { readonly hostPath: string; readonly containerPath: string; readonly mode: string }[];
    readonly parameters: readonly { readonly key: string; readonly value: string }[];
  };
}

interface MarathonApp {
  readonly cmd: string;
  readonly env: Readonly<Record<string, string>>;
  readonly healthChecks: readonly object[];
  readonly upgradeStrategy: object;
  readonly taskKillGracePeriodSeconds: number;
  readonly container: { readonly docker: { readonly portMappings: readonly object[] } };
}

interface KubernetesObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly spec: {
    readonly jobTemplate?: { readonly spec: { readonly template: { readonly spec: Pod } } };
    readonly template?: { readonly spec: Pod };
  };
}
interface Pod {
  readonly initContainers: readonly KubernetesContainer[];
  readonly containers: readonly KubernetesContainer[];
  readonly terminationGracePeriodSeconds: number;
}
interface Probe {
  readonly exec: { readonly command: readonly string[] };
}
interface KubernetesContainer {
  readonly command?: readonly string[];
  readonly args?: readonly string[];
  readonly env?: readonly { readonly name: string; readonly value: string }[];
  readonly livenessProbe?: Probe;
  readonly readinessProbe?: Probe;
  readonly securityContext: { readonly runAsUser: number; readonly runAsGroup?: number };
}

const kubernetesObjects = (name: string): readonly KubernetesObject[] =>
  loadAll(textOf(`kubernetes/${name}.yaml`)) as readonly KubernetesObject[];

describeWith(
  [
    { name: 'etcd', where: 'shared' },
    { name: 'kube-apiserver', where: 'shared' },
  ],
  'the objects for Kubernetes',
  () => {
    it('are accepted by an API server, field by field', async () => {
      const kubernetes = await startKubernetes();
      const paths: Record<string, string> = {
        Deployment: '/apis/apps/v1/namespaces/default/deployments',
        CronJob: '/apis/batch/v1/namespaces/default/cronjobs',
        PersistentVolumeClaim: '/api/v1/namespaces/default/persistentvolumeclaims',
      };
      for (const object of ['deployment', 'cronjob'].flatMap(kubernetesObjects)) {
        const path = `${paths[object.kind]}?dryRun=All&fieldValidation=Strict`;
        const answer = await kubernetes.post(path, object);
        expect(answer.status, answer.body).toBe(201);
      }
      const misspelt = { ...kubernetesObjects('cronjob')[0], spec: { schedul: '* * * * *' } };
      const refused = await kubernetes.post(`${paths['CronJob']}?dryRun=All&fieldValidation=Strict`, misspelt);
      expect(refused.status).toBe(400);
    });
  },
);
