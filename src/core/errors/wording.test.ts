import { describe, expect, it } from 'vitest';
import { longestStored } from '../lineage/failure.ts';
import { chinese, chineseDetails } from './chinese.ts';
import { errorDetails } from './error-details.ts';
import { type ErrorCode, errorTable } from './error-table.ts';
import { asFailure, atPlace, type CertfleetError, fail, withHint } from './errors.ts';
import { phrases } from './messages/zh/phrases.ts';
import { errorOf, shortened, storedError } from './stored-error.ts';
import { placeholdersIn } from './template.ts';
import { type Language, languages, type StoredError, say } from './wording.ts';

const codes = Object.keys(errorTable) as ErrorCode[];
const names = (text: string) => [...new Set(placeholdersIn(text))].sort();

/** An error of each code, with a value for every placeholder. */
function sampleOf(code: ErrorCode): CertfleetError {
  const { message, hint } = errorTable[code];
  const params = Object.fromEntries(names(`${message} ${hint}`).map((name) => [name, `<${name}>`]));
  return asFailure(fail(code, params as never), 'abc');
}

const both = codes.flatMap((code) => languages.map((language): readonly [ErrorCode, Language] => [code, language]));

describe('what is said', () => {
  it.each(both)('of %s in %s has no brace left, thrown or stored', (code, language) => {
    const error = sampleOf(code);
    const said = say(error, language);
    expect(`${said.message}${said.hint}`).not.toMatch(/[{}]|undefined/);
    // As another process reads it.
    const stored = JSON.parse(JSON.stringify(storedError(error, longestStored))) as StoredError;
    expect(stored).not.toHaveProperty('message');
    expect(stored).not.toHaveProperty('hint');
    expect(say(stored, language)).toEqual(said);
    expect(say(errorOf(stored, 'bug/unexpected'), language)).toEqual(said);
    if (language === 'en') expect(said).toEqual({ message: error.message, hint: error.hint });
  });

  it.each(codes)('of %s in Chinese has the same parameters, commands and options', (code) => {
    for (const what of ['message', 'hint'] as const) {
      const [english, own] = [errorTable[code][what], chinese[code][what]];
      expect(names(own)).toEqual(names(english));
      const words = (text: string) => new Set(text.match(/`[^`]*`|(?<![\w-])--[a-z-]+/g));
      expect(words(own)).toEqual(words(english));
    }
  });

  it.each(codes)('of %s is written as Chinese is', (code) => {
    const { message, hint } = chinese[code];
    const text = (message + hint).replaceAll(/`[^`]*`|\{\w+\}/g, '');
    // No punctuation of English after or between Chinese characters.
    expect(text).not.toMatch(/[\u4e00-\u9fff][,;:!?()]|[,;!?()][\u4e00-\u9fff]/);
    expect(message).not.toMatch(/。$/);
    expect(hint).toMatch(/[。}`]$|\{where\}$/);
  });

  it('has details in Chinese for the same codes', () => {
    expect(Object.keys(chineseDetails).sort()).toEqual(Object.keys(errorDetails).sort());
  });

  it.each<[string, StoredError, ReturnType<typeof say>, ReturnType<typeof say>]>([
    [
      'of an earlier version, as far as its words are ours',
      { code: 'dns/zone-not-found', message: 'no DNS zone was found for a.test', hint: 'Check it.' },
      { message: 'no DNS zone was found for a.test', hint: 'Check it.' },
      { message: '没有找到 a.test 的 DNS 区域', hint: 'Check it.' },
    ],
    [
      'of a later version with another code, as far as it goes',
      { code: 'dns/new', params: { name: 'a.test' } },
      { message: 'dns/new: a.test', hint: '' },
      { message: 'dns/new: a.test', hint: '' },
    ],
    [
      'whose parameters had no room',
      { code: 'dns/refused' },
      { message: '… refused to change …: …', hint: '' },
      { message: '… 拒绝修改 …：…', hint: '' },
    ],
    [
      'that reports on another one',
      {
        code: 'deploy/target-failed',
        params: { certificate: 'abc', target: 'nginx' },
        cause: { code: 'process/timeout', params: { command: 'nginx -t', seconds: '30' } },
      },
      {
        message: 'deploying abc to nginx failed: `nginx -t` did not finish within 30 s and was stopped',
        hint: 'The target keeps its previous certificate, if it had one. `certfleet renew` tries again.',
      },
      {
        message: '把 abc 部署到 nginx 失败：`nginx -t` 没有在 30 秒内结束，已被终止',
        hint: '目标仍保留之前的证书（如果有）。`certfleet renew` 会再试。',
      },
    ],
  ])('of a stored failure %s', (_what, stored, english, own) => {
    expect(say(stored, 'en')).toEqual(english);
    expect(say(stored, 'zh')).toEqual(own);
  });
});

describe('a phrase within a message', () => {
  const said = (reason: string) => say(fail('bug/unexpected', { reason }), 'zh').message.replace(/^.*?：/, '');
  it.each([
    ['connection refused', '连接被拒绝'],
    ['192.0.2.1 did not answer on port 80: timed out', '192.0.2.1 的 80 端口没有应答：超时'],
    [
      'Wait until the limit resets. `certfleet explain` lists all of them.',
      '请等限制解除。`certfleet explain` 列出全部。',
    ],
    [
      'theirs takes /x of a.test now (it forwards to rsp-1); certfleet cannot add one: its rule theirs already forwards to rsp-1 for the path /x of a.test',
      '目前 a.test 的 /x 由 theirs 处理（转发到 rsp-1）；certfleet 无法添加：a.test 的路径 /x 已由规则 theirs 占用（转发到 rsp-1）',
    ],
    [
      '192.0.2.1 (redirected to https://a.test/) answers 404 ("Shop"), which is not certfleet\'s answer: the request reaches another server',
      '192.0.2.1（重定向到 https://a.test/）应答 404 ("Shop")，这不是 certfleet 的应答：请求到了别的服务器',
    ],
    ['Wait until the limit resets. Call Bob.', 'Wait until the limit resets. Call Bob.'],
    ['InvalidParameter: the bucket is gone', 'InvalidParameter: the bucket is gone'],
    ['constructor', 'constructor'],
    ['the account of Ann has no such order', 'the account of Ann has no such order'],
    ['nginx has no such thing', 'nginx has no such thing'],
    ['InvalidId: that id does not exist', 'InvalidId: that id does not exist'],
  ])('%s', (english, own) => {
    expect(said(english)).toBe(own);
  });

  it.each(Object.entries(phrases))('%s has the same words in braces in Chinese', (english, own) => {
    expect(names(own)).toEqual(names(english));
  });
});

describe('a failure in a document', () => {
  const cause = fail('process/timeout', { command: 'nginx -t', seconds: 30 });
  const about = { certificate: 'abc', target: 'nginx' };
  const outer = fail('deploy/target-failed', { ...about, reason: cause.message }, { cause });

  it('keeps the failure that it reports on, and no sentence', () => {
    expect(storedError(outer, longestStored)).toEqual({
      code: 'deploy/target-failed',
      params: about,
      cause: { code: 'process/timeout', params: { command: 'nginx -t', seconds: '30' } },
    });
    expect(say(outer, 'zh').message).toBe('把 abc 部署到 nginx 失败：`nginx -t` 没有在 30 秒内结束，已被终止');
  });

  it('keeps a text that is not in the table, and says the rest of it', () => {
    const hint = `${outer.hint} Ask Bob.`;
    const stored = storedError(withHint(atPlace(outer, 'a.yaml:3'), hint), longestStored);
    expect(stored).toMatchObject({ message: `a.yaml:3: ${outer.message}`, hint });
    expect(say(stored, 'zh')).toEqual({
      message: `a.yaml:3: ${say(outer, 'zh').message}`,
      hint: `${say(outer, 'zh').hint}Ask Bob.`,
    });
  });

  it('is bounded, and keeps its short parameters', () => {
    const long = fail('acme/problem', {
      issuer: 'le',
      what: 'newOrder',
      detail: 'd'.repeat(9_000),
      advice: 'a'.repeat(9_000),
    });
    const stored = storedError(long, 1_000);
    expect(JSON.stringify(stored).length).toBeLessThan(1_200);
    expect(stored.params).toMatchObject({ issuer: 'le', what: 'newOrder' });
    expect(say(stored, 'zh').message).toMatch(/^le 拒绝了 newOrder：d{300,}…$/);
    expect(shortened(stored, 0)).toEqual({ code: 'acme/problem' });
  });

  it('has no private key and nothing that controls a terminal', () => {
    const key = '-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIA\n-----END PRIVATE KEY-----';
    const error = fail('acme/problem', { issuer: 'le', what: 'x', detail: `got ${key}\u001b[31m`, advice: '' });
    const text = JSON.stringify(storedError(error, longestStored));
    expect(text).not.toMatch(/MC4CAQ|u001b/);
    expect(say(error, 'zh').message).toBe('le 拒绝了 x：got ***\ufffd[31m');
  });
});
