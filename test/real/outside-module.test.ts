import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { chmod, copyFile, cp, mkdir, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, it } from 'vitest';
import { type Bind, bindPrograms, startBind } from '../support/bind.ts';
import { builtProgram } from '../support/built.ts';
import { itDrawn } from '../support/drawn.ts';
import { buildCertfleet, type Certfleet, type Ran } from '../support/e2e.ts';
import { sampled } from '../support/seeded.ts';
import { atEnd, repositoryRoot, temporaryFolder } from '../support/service.ts';
import { describeWith, stopAllAfterwards } from '../support/vitest.ts';

// A DNS provider outside certfleet, as docs/guides/write-a-dns-provider.md says: the example, the program that loads it,
// and the published suite.

stopAllAfterwards();

const example = join(repositoryRoot, 'examples/dns-provider');
const zone = 'example.test';

let certfleet: Certfleet;
beforeAll(async () => {
  certfleet = await buildCertfleet();
});

const said = ({ stdout, stderr }: Ran): string => `${stdout} ${stderr}`.replaceAll(/\s+/g, ' ');

/** The solver as the guide declares it. */
const guide = readFileSync(join(repositoryRoot, 'docs/guides/write-a-dns-provider.md'), 'utf8');
const declared =
  /^ {2}dns: \{ type: dns01, module: \.\/mine\.js, options: \{ token: "file:.*" \} \}$/m.exec(guide)?.[0] ?? '';

/** A folder of the operator's with `mine.js` and a configuration, and no certfleet below or above it. */
async function home(module: string | undefined, more: Readonly<Record<string, unknown>> = {}): Promise<string> {
  const folder = await temporaryFolder('outside');
  if (module === undefined) await copyFile(join(example, 'mine.js'), join(folder, 'mine.js'));
  else await writeFile(join(folder, 'mine.js'), module);
  await writeFile(join(folder, 'token'), 'right-token', { mode: 0o600 });
  const options = { token: `file:${join(folder, 'token')}` };
  const solvers = { dns: { type: 'dns01', module: './mine.js', options, ...more } };
  const store = { type: 'file', path: join(folder, 'store') };
  await writeFile(join(folder, 'certfleet.yaml'), JSON.stringify({ store, solvers }));
  return folder;
}

/** The API of the example, which changes a zone of BIND. */
async function startApi(bind: Bind): Promise<string> {
  const values = new Map<string, { readonly name: string; readonly value: string }>();
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const [, , , of = '', , name = '', id = ''] = (request.url ?? '').split('/');
    const answer = (status: number, body: object = {}) => response.writeHead(status).end(JSON.stringify(body));
    if (request.headers.authorization !== 'Bearer right-token') return answer(401, { message: 'unknown token' });
    if (of !== zone) return answer(404, { message: 'no such zone' });
    if (request.method === 'GET')
      return answer(200, {
        values: [...values].filter(([, one]) => one.name === name).map(([at, one]) => ({ id: at, ...one })),
      });
    if (request.method === 'POST') {
      const { value } = JSON.parse(Buffer.concat(chunks).toString()) as { value: string };
      const added = String(values.size + 1);
      values.set(added, { name, value });
      await bind.update(zone, `add ${name}. 60 TXT "${value}"`);
      return answer(201, { id: added });
    }
    await bind.update(zone, `delete ${name}. TXT "${values.get(id)?.value}"`);
    values.delete(id);
    return response.writeHead(204).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  atEnd(() => void server.closeAllConnections());
  atEnd(() => void server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`;
}

describe('a module of the operator’s', () => {
  it('is found beside the configuration, as the guide declares it, and its options are checked', async () => {
    const folder = await home(undefined);
    const config = join(folder, 'certfleet.yaml');
    await writeFile(config, `solvers:\n${declared.replace(/"file:.*?"/, `"file:${join(folder, 'token')}"`)}\n`);
    const fine = await certfleet(['config', 'check', '--config', config]);
    expect([fine.status, said(fine)]).toEqual([0, expect.stringContaining('certfleet.yaml')]);
    await writeFile(
      config,
      JSON.stringify({ solvers: { dns: { type: 'dns01', module: './mine.js', options: { tokn: 'x' } } } }),
    );
    const wrong = await certfleet(['config', 'check', '--config', config]);
    expect(said(wrong)).toMatch(/tokn.*did you mean "?token/);
  });

  const definition = (parts: string) => `import { defineDnsProvider, z } from 'certfleet/define';
    const traits = { writes: 'value', minTtl: 60, maxConcurrent: 4 };
    export default defineDnsProvider({ id: 'mine', title: 'Mine', options: z.strictObject({}), traits, connect() {}, ...${parts} });`;
  it.each(
    sampled<[what: string, module: string, mode: number, says: RegExp]>(
      [
        [
          'every user can change',
          definition('{}'),
          0o666,
          /mine\.js cannot be trusted: .* can be changed by every user/,
        ],
        ['is no JavaScript', 'export default {', 0o644, /mine\.js: it cannot be loaded: /],
        ['imports what is not there', `import 'absent-package';`, 0o644, /cannot be loaded: .*absent-package/],
        [
          'exports nothing',
          'export const mine = {};',
          0o644,
          /default export must be what `defineDnsProvider` of certfleet\/define/,
        ],
        ['has another id', definition(`{ id: 'Mine DNS' }`), 0o644, /`id` must be of a-z, 0-9 and hyphens/],
        ['has no zod options', definition(`{ options: { token: 'x' } }`), 0o644, /`options` must be `z\.strictObject/],
        [
          'lacks a trait',
          definition(`{ traits: { writes: 'all' } }`),
          0o644,
          /`traits\.writes` must be .*`traits\.minTtl`/,
        ],
        ['has no connect', definition('{ connect: undefined }'), 0o644, /`connect` must be a function/],
      ],
      3,
      'bad modules',
    ),
  )('is refused in a sentence if it %s', async (_what, module, mode, says) => {
    const folder = await home(module);
    await chmod(join(folder, 'mine.js'), mode);
    const ran = await certfleet(['config', 'check', '--config', join(folder, 'certfleet.yaml')]);
    expect([ran.status, said(ran)]).toEqual([2, expect.stringMatching(says)]);
  });

  it.each(
    sampled(
      [
        [{ provider: 'rfc2136' }, /name the provider with `provider` or `module`, not with both/],
        [{ module: 5 }, /expected the path of a JavaScript file/],
        [{ module: './absent.js' }, /absent\.js: there is no such file/],
      ],
      1,
      'bad declarations',
    ),
  )('is refused as %j', async (more, says) => {
    const folder = await home(undefined, more);
    const ran = await certfleet(['config', 'check', '--config', join(folder, 'certfleet.yaml')]);
    expect([ran.status, said(ran)]).toEqual([2, expect.stringMatching(says)]);
  });

  itDrawn('passes the published suite with node’s own test runner', async () => {
    const folder = await temporaryFolder('outside-suite');
    await cp(example, folder, { recursive: true });
    const own = join(folder, 'node_modules/certfleet');
    await mkdir(own, { recursive: true });
    await copyFile(join(repositoryRoot, 'package.json'), join(own, 'package.json'));
    await symlink(dirname(builtProgram()), join(own, 'dist'));
    await writeFile(join(folder, 'package.json'), '{ "type": "module" }');
    const { stdout } = await promisify(execFile)(process.execPath, ['--test', '--test-reporter=tap', 'test.js'], {
      cwd: folder,
      env: { PATH: process.env.PATH },
    });
    expect(stdout).toMatch(/^# pass [3-9]\d$/m);
    expect(stdout).toMatch(/^# fail 0$/m);
    expect(stdout).toMatch(/^# skipped 0$/m);
  });
});

describeWith(bindPrograms, 'a module of the operator’s on BIND', () => {
  it.each(sampled(['in the configuration', 'by --dns'], 1, 'ways to name a module'))(
    'changes a zone, named %s',
    async (how) => {
      const bind = await startBind({ zones: [{ name: zone }] });
      const endpoint = await startApi(bind);
      const folder = await home(undefined, { dns: { zone, nameservers: [bind.server] } });
      const file = join(folder, 'certfleet.yaml');
      const isDeclared = how === 'in the configuration';
      const named = isDeclared ? 'dns' : join(folder, 'mine.js');
      const env = { CERTFLEET_MINE_ENDPOINT: endpoint, ...(isDeclared ? {} : { CERTFLEET_MINE_TOKEN: 'right-token' }) };
      const flags = isDeclared ? ['--config', file] : ['--nameserver', bind.server];
      const page = await certfleet(['providers', join(folder, 'mine.js')]);
      expect(page.stdout).toMatch(/mine\.js: Our own DNS \(DNS provider\)[\s\S]*Environment: CERTFLEET_MINE_TOKEN/);
      const ran = await certfleet(['dns', 'test', named, zone, ...flags], { env });
      expect([ran.status, ran.stderr]).toEqual([0, expect.any(String)]);
      expect(ran.stdout).toContain('removed');
      expect(await bind.txt(zone)).toEqual([]);
      const wrong = await certfleet(['dns', 'test', named, zone, ...flags], {
        env: { ...env, CERTFLEET_MINE_ENDPOINT: endpoint.replace('/v1', '/v2/x') },
      });
      expect(wrong.status).not.toBe(0);
      await bind.stop();
    },
  );
});
