import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { afterEach, expect, test, vi } from 'vitest';
import { isFailure } from '../../src/core/errors/errors.ts';
import type { Json } from '../../src/core/text/json.ts';
import { isForEveryHook } from '../../src/core/trust/hook-variables.ts';
import type { ProcessIdentity } from '../../src/ports/processes.ts';
import type { Solver, SolverChallenge } from '../../src/ports/solver.ts';
import command from '../../src/solvers/command.ts';
import { solverContract } from '../../src/testing/solver-contract.ts';
import { respondersOf } from '../support/responders.ts';
import { until } from '../support/service.ts';
import { stopAllAfterwards } from '../support/vitest.ts';
import { type Bench, ignore, makeBench, makeChallenge, signal, storeId } from './solver-bench.ts';

stopAllAfterwards();
afterEach(() => void vi.unstubAllEnvs());

const connect = (bench: Bench, options: Record<string, unknown>): Solver =>
  bench.keep(
    command.connect({
      name: 'hooks',
      options: command.options.parse(options),
      world: bench.world,
      store: bench.store,
      storeId,
      ...respondersOf(bench.world, bench.store),
    }),
  );

const digestOf = ({ keyAuthorization }: SolverChallenge): string =>
  createHash('sha256').update(keyAuthorization).digest('base64url');

const read = (path: string): string | undefined => (existsSync(path) ? readFileSync(path, 'utf8') : undefined);

for (const type of ['dns-01', 'http-01'] as const) {
  solverContract(
    (name, run) => test(`${type}: ${name}`, run),
    async () => {
      const bench = await makeBench();
      const env = { DIR: bench.folder };
      const expected = (challenge: SolverChallenge) =>
        type === 'dns-01' ? digestOf(challenge) : challenge.keyAuthorization;
      return {
        connect: () =>
          connect(bench, {
            challenge: type,
            env,
            present: 'printf %s "$CERTBOT_VALIDATION" > "$DIR/$CERTBOT_DOMAIN"; echo "id of $CERTBOT_DOMAIN"',
            cleanup: 'rm -f "$DIR/$CERTBOT_DOMAIN"',
          }),
        challenge: () => makeChallenge({ type }),
        seen: async ({ identifier }) => read(join(bench.folder, identifier.value)),
        expected,
        plant: async () => {
          const path = join(bench.folder, 'other.example.test');
          writeFileSync(path, 'theirs');
          return async () => read(path) === 'theirs';
        },
        refused: () =>
          connect(bench, { challenge: type, present: 'set -x; : "$CERTBOT_VALIDATION" "$CERTBOT_TOKEN"; exit 3' }),
        logged: () => bench.logged,
        stop: bench.stop,
      };
    },
  );
}

/** A hook's environment: it writes `env -0` to the file named by its first argument. */
async function environmentOf(bench: Bench, file: string): Promise<Record<string, string>> {
  const entries = readFileSync(join(bench.folder, file), 'utf8').split('\0').filter(Boolean);
  return Object.fromEntries(
    entries.map((entry) => [entry.slice(0, entry.indexOf('=')), entry.slice(entry.indexOf('=') + 1)]),
  );
}

test('the environment contains only certbot’s variables, ours, the listed and the configured ones', async () => {
  const bench = await makeBench();
  vi.stubEnv('TSIG_SECRET_OF_SOMEBODY', 'hush');
  vi.stubEnv('CERTFLEET_TEST_SECRET', 'hush');
  vi.stubEnv('DOCKER_HOST', 'tcp://docker.test:1');
  const solver = connect(bench, {
    present: `env -0 > '${bench.folder}/present'; printf '  record 17\n'`,
    cleanup: `env -0 > '${bench.folder}/cleanup'`,
    env: { ZONE: 'example.test' },
    passEnvironment: ['DOCKER_HOST'],
  });
  const names = ['*.example.test', 'example.test', 'www.example.test'].map(
    (value) => ({ type: 'dns', value }) as const,
  );
  const challenge = makeChallenge({
    type: 'dns-01',
    identifier: names[0]!,
    allIdentifiers: names,
    remaining: 2,
    lineage: 'wild',
  });
  const receipt = await solver.present(challenge, ignore, signal());
  await solver.cleanup(challenge, receipt, signal());
  const own = {
    DOCKER_HOST: 'tcp://docker.test:1',
    ZONE: 'example.test',
    CERTBOT_DOMAIN: 'example.test',
    CERTBOT_VALIDATION: digestOf(challenge),
    CERTBOT_ALL_DOMAINS: 'example.test,example.test,www.example.test',
    CERTBOT_REMAINING_CHALLENGES: '2',
    CERTFLEET_CERTIFICATE: 'wild',
    CERTFLEET_IDENTIFIER: '*.example.test',
    CERTFLEET_CHALLENGE: 'dns-01',
    CERTFLEET_RECORD: '_acme-challenge.example.test',
  };
  // PWD, SHLVL, OLDPWD and _ are the shell's own.
  const given = async (file: string) => {
    const { PWD, OLDPWD, SHLVL, _, ...rest } = await environmentOf(bench, file);
    expect(rest['PATH']).toBe(process.env.PATH);
    expect(rest['HOME']).toBe(process.env.HOME);
    expect(rest['LANG']).toBeTruthy();
    return Object.fromEntries(Object.entries(rest).filter(([name]) => !isForEveryHook(name)));
  };
  expect(await given('present')).toEqual(own);
  expect(await given('cleanup')).toEqual({ ...own, CERTBOT_AUTH_OUTPUT: 'record 17' });
});

test('http-01 passes the token and the whole key authorization', async () => {
  const bench = await makeBench();
  const solver = connect(bench, { challenge: 'http-01', present: `env -0 > '${bench.folder}/present'` });
  expect(solver.answers).toEqual(['http-01']);
  const challenge = makeChallenge();
  await solver.present(challenge, ignore, signal());
  const given = await environmentOf(bench, 'present');
  expect(given).toMatchObject({ CERTBOT_TOKEN: challenge.token, CERTBOT_VALIDATION: challenge.keyAuthorization });
  expect(given).not.toHaveProperty('CERTFLEET_RECORD');
});

test('a list is a program and its arguments, without a shell', async () => {
  const bench = await makeBench();
  const solver = connect(bench, { present: ['/bin/echo', '$HOME', 'a b', ';', 'exit 1'] });
  expect(await solver.present(makeChallenge({ type: 'dns-01' }), ignore, signal())).toEqual({
    output: '$HOME a b ; exit 1',
  });
});

test('a hook that fails: the end of its output, without its arguments', async () => {
  const bench = await makeBench();
  const solver = connect(bench, { present: 'for i in 1 2 3 4 5 6 7; do echo "line $i" >&2; done; exit 9 # password' });
  const error: unknown = await solver.present(makeChallenge({ type: 'dns-01' }), ignore, signal()).catch((e) => e);
  expect(isFailure(error, 'solver/hook-failed')).toBe(true);
  expect(String(error)).toContain('exit code 9: line 3\nline 4\nline 5\nline 6\nline 7');
  expect(String(error)).not.toContain('password');
});

test('a missing program', async () => {
  const bench = await makeBench();
  const direct = connect(bench, { present: ['/no/such/program', '--key=password'] });
  const error: unknown = await direct.present(makeChallenge({ type: 'dns-01' }), ignore, signal()).catch((e) => e);
  expect(isFailure(error, 'process/failed')).toBe(true);
  expect(String(error)).toMatch(/not found|no such file/i);
  expect(inspect(error)).not.toContain('password');
  const inShell = connect(bench, { present: '/no/such/program' });
  await expect(inShell.present(makeChallenge({ type: 'dns-01' }), ignore, signal())).rejects.toMatchObject({
    code: 'solver/hook-failed',
  });
});

test('a hook that takes too long is ended', async () => {
  const bench = await makeBench();
  const solver = connect(bench, { present: 'exec sleep 60 # password', timeout: '200ms' });
  const began = performance.now();
  const error: unknown = await solver.present(makeChallenge({ type: 'dns-01' }), ignore, signal()).catch((e) => e);
  expect(isFailure(error, 'process/timeout')).toBe(true);
  expect(inspect(error)).not.toContain('password');
  expect(performance.now() - began).toBeLessThan(10_000);
});

test('abort ends the running hook and empties the queue', async () => {
  const bench = await makeBench();
  const solver = connect(bench, { present: `echo "$CERTBOT_DOMAIN" >> '${bench.folder}/ran'; exec sleep 60` });
  const controller = new AbortController();
  const reason = new Error('stop');
  const all = [0, 1, 2].map(() => solver.present(makeChallenge({ type: 'dns-01' }), ignore, controller.signal));
  const settled = Promise.allSettled(all);
  await until(() => existsSync(join(bench.folder, 'ran')), { what: 'the first hook runs' });
  controller.abort(reason);
  expect(await settled).toEqual(all.map(() => ({ status: 'rejected', reason })));
  expect(readFileSync(join(bench.folder, 'ran'), 'utf8').trim().split('\n')).toHaveLength(1);
});

test.each([1, 3])('maxConcurrent %i', async (maxConcurrent) => {
  const bench = await makeBench();
  // Each hook counts the marks of the hooks that run at the same time; marks exist before and during the count.
  const present =
    'mkdir "$DIR/run.$CERTBOT_DOMAIN"; ls -d "$DIR"/run.* | wc -l; sleep 0.1; rmdir "$DIR/run.$CERTBOT_DOMAIN"';
  const solver = connect(bench, { present, maxConcurrent, env: { DIR: bench.folder } });
  const receipts = await Promise.all(
    Array.from({ length: 6 }, () => solver.present(makeChallenge({ type: 'dns-01' }), ignore, signal())),
  );
  const counts = receipts.map((receipt) => Number((receipt as { output: string }).output));
  expect(Math.max(...counts)).toBe(maxConcurrent);
});

test('a running hook is journalled, and a sweep with that note ends it before cleaning up', async () => {
  const bench = await makeBench();
  const dir = bench.folder;
  const options = {
    present: 'touch "$DIR/began"; sleep 60; touch "$DIR/added"',
    cleanup: 'ls "$DIR"; touch "$DIR/cleaned"',
    env: { DIR: dir },
  };
  const challenge = makeChallenge({ type: 'dns-01' });
  const notes: Json[] = [];
  const presenting = connect(bench, options).present(challenge, async (receipt) => void notes.push(receipt), signal());
  const outcome = presenting.catch((error: unknown) => error);
  await until(() => notes.length === 1 && existsSync(join(dir, 'began')), { what: 'the hook runs and is journalled' });
  const { process: who } = notes[0] as unknown as { process: ProcessIdentity };
  expect(bench.world.processes.look(who)).toBe('alive');
  // Like another process, with the note as the receipt.
  await connect(bench, options).cleanup(challenge, notes[0], signal());
  expect(bench.world.processes.look(who)).toBe('dead');
  expect(readdirSync(dir).sort()).toEqual(['began', 'cleaned']);
  expect(await outcome).toMatchObject({ code: 'solver/hook-failed' });
});

test('a note that cannot be stored ends the hook', async () => {
  const bench = await makeBench();
  const solver = connect(bench, { present: `sleep 60; touch '${bench.folder}/added'` });
  const lost = new Error('lease lost');
  const who: Json[] = [];
  const note = async (receipt: Json) => {
    who.push(receipt);
    throw lost;
  };
  await expect(solver.present(makeChallenge({ type: 'dns-01' }), note, signal())).rejects.toBe(lost);
  const { process: identity } = who[0] as unknown as { process: ProcessIdentity };
  await until(() => bench.world.processes.look(identity) === 'dead', { what: 'the hook is ended' });
});

test('without a cleanup hook there is nothing to clean up; one that fails is an error', async () => {
  const bench = await makeBench();
  const challenge = makeChallenge({ type: 'dns-01' });
  await connect(bench, { present: 'true' }).cleanup(challenge, undefined, signal());
  const solver = connect(bench, { present: 'true', cleanup: 'echo no such zone >&2; exit 1' });
  await expect(solver.cleanup(challenge, undefined, signal())).rejects.toThrow('no such zone');
});

test('long output is cut so that all receipts of a certificate fit in one document, with a warning', async () => {
  const bench = await makeBench();
  const solver = connect(bench, { present: `i=0; while [ $i -lt 3000 ]; do printf 'ä'; i=$((i+1)); done` });
  const few = makeChallenge({ type: 'dns-01' });
  const many = { ...few, allIdentifiers: Array.from({ length: 100 }, () => few.identifier) };
  const sizeOf = (receipt: Json) => Buffer.byteLength((receipt as { output: string }).output);
  expect(sizeOf(await solver.present(few, ignore, signal()))).toBe(4_096);
  expect(sizeOf(await solver.present(many, ignore, signal()))).toBe(326);
  expect(bench.logged.join('\n')).toContain('6000 bytes');
});

test('a hook whose folder is gone', async () => {
  const bench = await makeBench();
  rmSync(bench.folder, { recursive: true });
  const solver = connect(bench, { present: `cd '${bench.folder}'` });
  await expect(solver.present(makeChallenge({ type: 'dns-01' }), ignore, signal())).rejects.toMatchObject({
    code: 'solver/hook-failed',
  });
});
