import { beforeAll, beforeEach, expect, it } from 'vitest';
import { memoryFiles } from '../../test/support/memory-files.ts';
import { checkConfiguration, loadSettings } from '../config/file/load.ts';
import { configurationStamp, filledFiles } from '../config/file/stamp.ts';
import type { Event } from '../core/plan/event.ts';
import type { Settings } from '../core/spec/spec.ts';
import { fakeClock } from '../testing/fake-clock.ts';
import { createReload, type Reload } from './reload.ts';

const file = '/etc/certfleet.yaml';
const secret = '/etc/tsig';

const declaring = (name: string, more: object = {}): string =>
  JSON.stringify({
    issuers: { le: { directory: 'letsencrypt', agreeToTerms: true } },
    solvers: { web: { type: 'http01-webroot', folders: '/srv' } },
    certificates: [{ name, identifiers: ['www.example.com'] }],
    ...more,
  });

let clock: ReturnType<typeof fakeClock>;
let files: ReturnType<typeof memoryFiles>;
let events: Event[];
let declared: string[];
let changed: string[];
let reads: number;
let ask: () => void;
/** What a read waits for. */
let answer: Promise<void>;
let reload: Reload;
let end: () => Promise<void>;

const write = (path: string, text: string) => files.replace(path, text, { mode: 0o600 });
const read = async (): Promise<Settings> => {
  reads += 1;
  await answer;
  return loadSettings({ files, env: {}, file });
};
/** What was reported since the last call, by level. */
const said = () => events.splice(0).map(({ level, message }) => `${level}: ${message}`);

// What is imported only for a mistake would take longer than the turns that the clock waits for.
beforeAll(() => checkConfiguration({ files: memoryFiles(() => new Date(0)), env: {}, file, text: 'issuers: 1' }));

beforeEach(async () => {
  clock = fakeClock();
  files = memoryFiles(clock.now);
  await files.makeFolders('/etc/certfleet.d', 0o755);
  [events, declared, changed, reads, answer] = [[], [], [], 0, Promise.resolve()];
  await write(file, declaring('a'));
  reload = createReload({
    source: {
      file,
      stamp: await configurationStamp(files, file),
      filled: await filledFiles(files, file),
      read,
      onAsk(call) {
        ask = call;
        return () => (ask = () => expect.unreachable());
      },
    },
    first: await read(),
    world: { files, clock },
    reporter: { report: (event) => void events.push(event) },
    declare: ({ certificates }) => void declared.push(certificates.map(({ name }) => name).join()),
    async lacking({ solvers }) {
      if (solvers['broken']) throw new Error('the module cannot be loaded');
      return solvers['dns'] ? ['solvers.dns: the secret file is missing'] : [];
    },
    changed: (all) => changed.push(...all),
  });
  const over = new AbortController();
  const following = reload.follow(over.signal);
  await clock.advance(0);
  end = () => {
    over.abort();
    return following;
  };
  reads = 0;
});

it('uses a changed configuration within seconds, and looks without reading it as long as nothing changes', async () => {
  await clock.advance(60_000);
  expect([reads, declared]).toEqual([0, []]);
  await write(file, declaring('b'));
  await clock.advance(6_000);
  const gone = (name: string) => `warn: no longer declared, so not renewed: ${name}; what is stored of it stays`;
  expect([reads, declared, said()]).toEqual([
    1,
    ['b'],
    ['info: the configuration was read again: 1 certificate', gone('a')],
  ]);
  await write(file, declaring('c', { node: 'other', leaseTtl: '30s' }));
  await clock.advance(6_000);
  expect([declared.at(-1), said().slice(1)]).toEqual([
    'c',
    [gone('b'), 'warn: a changed `node`, `leaseTtl` takes effect when `certfleet run` is started again, not before'],
  ]);
  await write(
    file,
    declaring('c', { node: 'other', leaseTtl: '30s', solvers: { dns: { type: 'http01-webroot', folders: '/srv' } } }),
  );
  await clock.advance(6_000);
  expect(said().slice(1)).toEqual(['warn: solvers.dns: the secret file is missing']);
  await end();
  expect(() => ask()).toThrow();
});

it('waits until a file that is written in several steps is complete', async () => {
  const whole = declaring('b');
  for (let part = 1; part <= 8; part++) {
    await write(file, whole.slice(0, (whole.length * part) / 8));
    await clock.advance(part === 1 ? 5_500 : 1_000);
  }
  await clock.advance(5_000);
  expect([reads, declared, said(), reload.problem()]).toEqual([
    1,
    ['b'],
    [
      'info: the configuration was read again: 1 certificate',
      'warn: no longer declared, so not renewed: a; what is stored of it stays',
    ],
    undefined,
  ]);
  await end();
});

it('refuses a configuration that is not valid, and raises it as a problem only once it stays so', async () => {
  await write(file, 'issuers: 1');
  await clock.advance(6_000);
  const refused = `error: the configuration of before stays in use: ${file}:1: issuers must be a group of names, not a number`;
  expect([declared, said(), reload.problem()]).toEqual([[], [refused], undefined]);
  await clock.advance(10_000);
  const problem = reload.problem();
  expect([problem?.message, said()]).toEqual([`${file}:1: issuers must be a group of names, not a number`, []]);
  const before = reads;
  await clock.advance(60_000);
  expect(reads).toBe(before);

  await write(file, 'solvers: 1');
  await clock.advance(20_000);
  expect([reload.problem()?.since, said().length]).toEqual([problem?.since, 1]);

  await files.remove(file);
  await clock.advance(20_000);
  expect([declared, said(), reload.problem()?.since]).toEqual([
    [],
    [
      `error: the configuration of before stays in use: the configuration ${file} cannot be read: it is no longer there`,
    ],
    problem?.since,
  ]);

  await write(file, declaring('a'));
  await clock.advance(6_000);
  expect([declared, reload.problem(), said().length]).toEqual([['a'], undefined, 1]);
  await end();
});

it('reads at once when a person asks, and then takes a mistake as meant', async () => {
  await write(file, 'issuers: 1');
  ask();
  await clock.advance(0);
  expect([reads, reload.problem()?.since]).toEqual([1, clock.now().toISOString()]);
  await end();
});

it('follows the files in certfleet.d, and what links lead to', async () => {
  await files.makeFolders('/data/1', 0o755);
  await files.makeFolders('/data/2', 0o755);
  await write('/data/1/a.yaml', '{}');
  await write('/data/2/a.yaml', '{ }');
  await files.replaceLink('/etc/certfleet.d/a.yaml', '/data/1/a.yaml');
  await clock.advance(6_000);
  expect(reads).toBe(1);
  await files.replaceLink('/etc/certfleet.d/a.yaml', '/data/2/a.yaml');
  await clock.advance(6_000);
  expect(reads).toBe(2);
  await files.replaceLink('/etc/certfleet.d/..data', '/data/1');
  await write('/etc/certfleet.d/a.yaml~', '');
  await clock.advance(6_000);
  expect(reads).toBe(2);
  await files.remove('/etc/certfleet.d/a.yaml');
  await clock.advance(6_000);
  expect([reads, reload.problem()]).toEqual([3, undefined]);
  await end();
});

it('tells which secret files have changed since they were read, and which are gone', async () => {
  await write(secret, 'one');
  await reload.note(secret);
  await reload.note('/etc/later');
  await clock.advance(20_000);
  expect([changed, said()]).toEqual([[], []]);

  // Between the read and the first look.
  await write('/etc/soon', 'one');
  await reload.note('/etc/soon');
  await clock.advance(1);
  await write('/etc/soon', 'two');
  await write('/etc/later', 'one');
  await clock.advance(6_000);
  expect(changed.splice(0)).toEqual(['/etc/later', '/etc/soon']);
  expect(said()).toEqual(['info: /etc/later, /etc/soon have changed: what failed is tried again']);

  await files.remove(secret);
  await clock.advance(20_000);
  expect([changed, said()]).toEqual([
    [],
    [`warn: the secret file ${secret} is no longer there; what needs it fails until it is there again`],
  ]);
  await write(secret, 'two');
  await clock.advance(6_000);
  expect(changed.splice(0)).toEqual([secret]);

  // Nothing that is declared reads it any longer.
  await write(file, declaring('b'));
  await clock.advance(6_000);
  said();
  await files.remove(secret);
  await clock.advance(20_000);
  expect([changed, said()]).toEqual([[], []]);
  await end();
});

it('goes on if the secrets cannot be checked', async () => {
  await write(file, declaring('b', { solvers: { broken: { type: 'http01-webroot', folders: '/srv' } } }));
  await clock.advance(6_000);
  expect(said()).toContain('warn: could not check the secrets: the module cannot be loaded');
  await write(file, declaring('c'));
  await clock.advance(6_000);
  expect(declared).toEqual(['b', 'c']);
  await end();
});

it('gives up a read that hangs, tries again, and stops at once while it hangs', async () => {
  const hung = new Promise<void>(() => {});
  answer = hung;
  await clock.advance(20_000);
  await write(file, declaring('b'));
  await clock.advance(6_000);
  expect([reads, declared]).toEqual([1, []]);
  await clock.advance(30_000);
  expect(said()).toEqual([
    `error: the configuration of before stays in use: the configuration ${file} cannot be read: it was not read within 30 seconds`,
  ]);
  await clock.advance(40_000);
  expect(reload.problem()?.message).toContain('it was not read within 30 seconds');
  answer = Promise.resolve();
  await clock.advance(40_000);
  expect([declared, reload.problem()]).toEqual([['b'], undefined]);
  answer = hung;
  ask();
  await clock.advance(0);
  await end();
  expect(said().length).toBe(2);
});

it('refuses a file that is emptied, and says what is no longer declared where one was moved away', async () => {
  const others = Array.from({ length: 30 }, (_, at) => `m${at}`);
  const ofFolder = (names: readonly string[]) =>
    JSON.stringify({ certificates: names.map((name) => ({ name, identifiers: [`${name}.example.com`] })) });
  const part = '/etc/certfleet.d/p.yaml';
  await write(part, ofFolder(others));
  await clock.advance(6_000);
  expect([declared.length, said()]).toEqual([1, ['info: the configuration was read again: 31 certificates']]);

  for (const path of [file, part]) {
    const text = new TextDecoder().decode(await files.read(path));
    await write(path, ' \n');
    await clock.advance(12_000);
    expect([declared.length, said(), reload.problem()?.message]).toEqual([
      1,
      [`error: the configuration of before stays in use: the configuration ${path} is empty now`],
      `the configuration ${path} is empty now`,
    ]);
    await write(path, text);
    await clock.advance(12_000);
    expect([said(), reload.problem()]).toEqual([
      ['info: the configuration was read again: 31 certificates'],
      undefined,
    ]);
    declared.length = 1;
  }

  await files.remove(part);
  await clock.advance(6_000);
  expect(said()).toEqual([
    'info: the configuration was read again: 1 certificate',
    `warn: no longer declared, so not renewed: ${others.slice(0, 20).join(', ')} and 10 more; what is stored of it stays`,
  ]);
  await write(file, '# nothing any more');
  await clock.advance(6_000);
  expect([said()[1], reload.problem()]).toEqual([
    'warn: no longer declared, so not renewed: a; what is stored of it stays',
    undefined,
  ]);
  await end();
});
