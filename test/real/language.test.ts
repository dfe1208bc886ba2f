import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
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
