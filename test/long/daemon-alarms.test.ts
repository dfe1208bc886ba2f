import { EventEmitter } from 'node:events';
import { copyFile, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { main } from '../../src/cli/main.ts';
import type { Alarm } from '../../src/core/alarm/alarm.ts';
import { startAlarmReceiver } from '../support/alarm-receiver.ts';
import { bindPrograms } from '../support/bind.ts';
import {
  changeCertificate,
  type Home,
  onlyCertificate,
  rewriteLineage,
  startBench,
  succeeded,
} from '../support/e2e.ts';
import { fastClock, worldWith } from '../support/fast-world.ts';
import { temporaryFolder, until } from '../support/service.ts';
import { describeWith, stopAllAfterwards } from '../support/vitest.ts';

// What `certfleet run` tells, from what has happened to the message that arrives, on a clock that is thirty times as
// fast: a look each second, and a message each ten seconds at most.

stopAllAfterwards();

const times = 30;
const name = 'wildcard';

async function replace(path: string, text: string): Promise<void> {
  await writeFile(`${path}.new`, text, { mode: 0o600 });
  await rename(`${path}.new`, path);
}

describeWith(['pebble', 'haproxy', ...bindPrograms], 'certfleet run', () => {
  it('raises each alarm once, lists it, and resolves it', { timeout: 300_000 }, async () => {
    const [bench, receiver] = await Promise.all([startBench(), startAlarmReceiver()]);
    const cache = await temporaryFolder('cache');
    const env = { XDG_CACHE_HOME: cache, HTTP_PROXY: '' };
    const secret = join(await temporaryFolder('secret'), 'tsig');
    await writeFile(secret, (await bench.bind.rotate()).secret, { mode: 0o600 });
    const home = await bench.home((one) => {
      const dns = one.solvers['dns'] as { readonly options: object };
      return {
        ...changeCertificate(name, { deploy: ['files'], endpoints: [] })(onlyCertificate(name)(one)),
        solvers: { dns: { ...dns, options: { ...dns.options, secret: `file:${secret}` } } },
        node: 'a',
        alarms: { ops: { type: 'webhook', url: receiver.url } },
      };
    });
    // No command reads a file that is not valid.
    const copy = join(home.folder, 'copy.yaml');
    await copyFile(home.config, copy);
    let isFull = false;
    const clock = fastClock(times);

    /** Runs it in this process, with its clock and disk. */
    function start({ config, folder }: Home, ...flags: readonly string[]) {
      let output = '';
      const signals = new EventEmitter();
      const ended = main(['run', '--json', '--config', config, ...flags], {
        ...{ env: { ...process.env, ...env }, isTerminal: false, signals },
        stdout: { write: (text) => (output += text) },
        stderr: { write: (text) => (output += text) },
        createWorld: (context) => worldWith(context, { clock, folder, isFull: () => isFull }),
      });
      const stop = async () => {
        signals.emit('SIGTERM');
        await ended;
      };
      onTestFinished(stop);
      return { said: () => output, stop };
    }
    async function listed(): Promise<readonly string[]> {
      const ran = await bench.certfleet(['alarms', '--json', '--config', copy], { env });
      succeeded(ran);
      return ran.events.map((one) => (one as unknown as Alarm).key).sort();
    }

    // Another node is killed.
    let isKilled = () => {};
    let said = '';
    const killed = home.certfleet(['run', '--json', '--node', 'b'], {
      ...{ env, seen: (all: string) => (said = all) },
      killWhen: new Promise<void>((kill) => (isKilled = kill)),
    });
    await until(() => said.includes('"certificate.deployed"'), { what: 'the first certificate' });
    isKilled();
    await killed;

    const a = start(home);
    const until60 = (what: string, condition: () => unknown) =>
      until(async () => (await condition()) === true, {
        what: `${what}: ${receiver.got.join(' ')} ${a.said().slice(-1_500)}`,
        ...{ deadlineMs: 60_000, everyMs: 200 },
      });
    async function raises(key: string): Promise<void> {
      await until60(`+${key}`, () => receiver.got.includes(`+${key}`));
      expect(await listed()).toContain(key);
    }
    async function resolves(key: string): Promise<void> {
      await until60(`${key} is listed no more`, async () => !(await listed()).includes(key));
      await until60(`-${key}`, () => receiver.got.includes(`-${key}`));
    }
    await raises('node-missing b');
    const b = start(home, '--node', 'b');
    await resolves('node-missing b');

    const valid = await readFile(home.config, 'utf8');
    await replace(home.config, valid.replace('"certificates"', '"certificate"'));
    await raises('configuration a');
    await replace(home.config, valid);
    await resolves('configuration a');

    await home.configure(changeCertificate(name, { endpoints: [`www.example.test:${bench.haproxy.httpsPort}`] }));
    const endpoint = `endpoint ${name} www.example.test:${bench.haproxy.httpsPort}`;
    await raises(endpoint);
    await home.configure((one) => one);
    await resolves(endpoint);

    await b.stop();
    isFull = true;
    await raises('store a');
    isFull = false;
    await resolves('store a');

    const rotated = (await bench.bind.rotate()).secret;
    await rewriteLineage(home.store, name, (lineage) => ({
      ...lineage,
      renewal: { ...lineage.renewal!, at: new Date().toISOString() },
    }));
    await raises(`failing ${name}`);
    await replace(secret, rotated);
    await resolves(`failing ${name}`);

    expect(await listed()).toEqual([]);
    const counts = new Map<string, number>();
    for (const one of receiver.got) counts.set(one, (counts.get(one) ?? 0) + 1);
    for (const key of ['node-missing b', 'configuration a', endpoint, 'store a', `failing ${name}`])
      expect([key, counts.get(`+${key}`), counts.get(`-${key}`)]).toEqual([key, 1, 1]);
  });
});
