import { execFile } from 'node:child_process';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { phrases } from '../../src/core/errors/messages/zh/phrases.ts';
import { builtProgram } from '../support/built.ts';
import { bareEnvironment, freePort, temporaryFolder } from '../support/service.ts';
import { stopAllAfterwards } from '../support/vitest.ts';

stopAllAfterwards();

const cli = builtProgram();

const run = (argv: readonly string[], env: Readonly<Record<string, string>>) =>
  new Promise<{ readonly code: unknown; readonly stdout: string; readonly stderr: string }>((resolve) => {
    execFile(process.execPath, [cli, ...argv], { env: { ...bareEnvironment(), ...env } }, (error, stdout, stderr) =>
      resolve({ code: error?.code ?? 0, stdout, stderr }),
    );
  });

it('tells in Chinese what another process has stored, and in English to programs', async () => {
  const folder = await temporaryFolder('language');
  const url = `https://127.0.0.1:${await freePort()}/dir`;
  const config = join(folder, 'certfleet.yaml');
  const text = `
issuers: { ca: { directory: "${url}", agreeToTerms: true } }
solvers: { web: { type: http01-webroot, folders: ["${folder}"] } }
certificates: [{ name: shop, identifiers: [shop.example.com], issuer: ca, solver: web }]
store: { type: file, path: "${join(folder, 'store')}" }
`;
  await writeFile(config, text, { mode: 0o600 });
  const base = { CERTFLEET_ROOT: folder };
  const chinese = { ...base, LANG: 'zh_CN.UTF-8' };
  const first = await run(['renew', '--config', config], base);
  expect(first.stderr).toContain(`the directory ${url} cannot be reached: `);

  const status = await run(['status', '--config', config], chinese);
  expect(status.stdout.replaceAll(/\n\s*/g, '')).toContain(`无法访问目录 ${url}：`);
  expect(status.stdout).not.toContain('cannot be reached');
  const show = await run(['show', 'shop', '--config', config, '--lang', 'zh'], base);
  expect(show.stdout.replaceAll(/\n\s*/g, '')).toContain('请检查 URL、网络和代理设置。');
  const json = await run(['show', 'shop', '--config', config, '--json'], chinese);
  expect(JSON.parse(json.stdout)).toMatchObject({
    failure: { code: 'acme/directory-unreachable', params: { url }, message: expect.stringContaining('cannot be') },
  });

  const again = await run(['issue', 'shop', '--config', config], chinese);
  expect(again.stderr).toContain('详情：certfleet explain acme/directory-unreachable');
  expect(again.code).toBe(4);
  const wrong = await run(['status', '--lang', 'xx'], chinese);
  expect(wrong).toMatchObject({ code: 2, stderr: expect.stringContaining('--lang xx：应为 en 或 zh') });
});

/** The clauses of a phrase, since the code may join them. */
const clausesOf = (phrase: string): readonly string[] =>
  phrase.split(/\{\w+\}|[,;:.()]/).map((clause) => clause.replaceAll(/^[\s`]+|[\s`]+$/g, ''));
/** Made of several parts, or said by zod. */
const composed = [
  /^invalid IPv4 address$/,
  ...[
    /^returns /,
    /^there again or/,
    /^names no (issuer|solver)$/,
    /^declare one under /,
    /^" (is missing|has no value)/,
  ],
  ...[/^must (have|be) at (least|most)$/, /TXT values? now$/, /does not exist in the DNS$/, / has no value in$/],
  ...[/^(writes )?(with )?\S* ?name servers? at( 1 address)?$/, /^for 1 certificate$/, /^with a page about /],
  ...[
    /^wins for every host without rules$/,
    /^hosts without rules go to none of /,
    / lacks a permission for this call$/,
    /^serves (an older one|others)$/,
    /^domains cannot get it$/,
  ],
];

it('has no phrase that the program no longer says', async () => {
  const sources: string[] = [];
  for (const file of await readdir('src', { recursive: true }))
    if (file.endsWith('.ts') && !file.includes('messages/zh') && !file.endsWith('.test.ts'))
      sources.push(await readFile(join('src', file), 'utf8'));
  const all = sources.join('\n').replaceAll('\\`', '`').replaceAll("\\'", "'");
  const long = Object.keys(phrases)
    .flatMap(clausesOf)
    .filter((clause) => clause.length > 12);
  expect(long.filter((clause) => !all.includes(clause) && !composed.some((one) => one.test(clause)))).toEqual([]);
});
