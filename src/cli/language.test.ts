import { describe, expect, it } from 'vitest';
import { commandLine, jsonLines } from '../../test/support/command-line.ts';
import { fail } from '../core/errors/errors.ts';

const unusable = fail('store/unusable', { path: '/s', reason: 'read-only', advice: 'Mend it.' });
const english = 'the store /s cannot be used: read-only';
const chinese = '无法使用存储 /s：read-only';

const failing = (env: Readonly<Record<string, string>>, argv: string) =>
  commandLine({
    env,
    fleet: {
      open: () => {
        throw unusable;
      },
    },
  }).run(...argv.split(' ').filter((word) => word !== ''));

describe('the language of failures', () => {
  it.each<[Readonly<Record<string, string>>, string, string]>([
    [{}, '', english],
    [{ LANG: 'zh_CN.UTF-8' }, '', chinese],
    [{ LANG: 'zh' }, '', chinese],
    [{ LANG: 'zha_CN' }, '', english],
    [{ LANG: 'en_US.UTF-8', LC_MESSAGES: 'zh_CN.UTF-8' }, '', chinese],
    [{ LANG: 'zh_CN.UTF-8', LC_MESSAGES: 'en_US.UTF-8' }, '', english],
    [{ LANG: 'zh_CN.UTF-8', LC_ALL: 'C' }, '', english],
    [{ LANG: 'zh_CN.UTF-8', LC_ALL: '' }, '', chinese],
    [{ LANG: 'de_DE.UTF-8', LC_ALL: 'zh_TW' }, '', chinese],
    [{ LANG: 'zh_CN.UTF-8' }, '--lang en', english],
    [{ LC_ALL: 'C' }, '--lang zh', chinese],
    [{}, '--lang=zh', chinese],
  ])('with %j and "%s" is that of "%s"', async (env, flags, text) => {
    const done = await failing(env, `status ${flags}`);
    expect(done.stderr).toContain(text);
    expect(done.code).toBe(7);
  });

  it('covers what is typed wrong', async () => {
    const done = await commandLine().run('status', '--lang', 'zh', '--no-such-flag');
    expect(done.stderr).toContain("没有参数 '--no-such-flag'");
    expect(done.stderr).toContain('详情：certfleet explain usage/unknown-option');
  });

  it.each(['fr', 'ZH', 'zh_CN'])('is not %s, which is said in one sentence', async (word) => {
    const done = await commandLine().run('status', '--lang', word);
    expect(done.code).toBe(2);
    expect(done.stderr.split('\n')[0]).toBe(`certfleet: --lang ${word}: expected en or zh`);
  });

  it('does not change what programs read', async () => {
    const [end] = jsonLines(await failing({ LANG: 'zh_CN.UTF-8' }, 'status --json')).slice(-1);
    expect(end).toMatchObject({
      message: english,
      data: { code: 'store/unusable', params: { path: '/s', reason: 'read-only', advice: 'Mend it.' } },
    });
  });

  it('is that of `explain`, with and without a code', async () => {
    const one = await commandLine().run('explain', 'preflight/no', '--lang', 'zh');
    expect(one.stdout).toContain('“{finding}；没有请求 CA”');
    expect(one.stdout).toContain('退出码 3 · 需要人工解决 · `certfleet renew` 会再试，间隔逐渐加长');
    const all = await commandLine().run('explain', '--lang', 'zh');
    expect(all.stdout).toContain('store（退出码 7）\n  store/conflict\n');
  });
});
