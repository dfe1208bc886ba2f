import { expect, it } from 'vitest';
import { fail } from '../errors/errors.ts';
import { storedError } from '../errors/stored-error.ts';
import { sayAlarm } from './alarm-wording.ts';

const error = fail('dns/zone-not-found', { name: 'a.test' });
const failure = storedError(error, 400);

it.each([
  ['abc has failed 3 times: ', 'abc 已失败 3 次：'],
  ['abc has failed, and only a person can mend that: ', 'abc 失败，需要人工解决：'],
  [
    'abc expires at 2026-12-01T00:00:00.000Z, and should have been renewed at 2026-11-01T00:00:00.000Z; its last try failed: ',
    'abc 将于 2026-12-01T00:00:00.000Z 过期，本应在 2026-11-01T00:00:00.000Z 续期；最近一次尝试失败：',
  ],
  [
    'nginx of node b has been without the new certificate of abc since 2026-11-01T00:00:00.000Z: ',
    '节点 b 的 nginx 自 2026-11-01T00:00:00.000Z 起缺少 abc 的新证书：',
  ],
  ['', ''],
])('says "%s" and the failure in Chinese', (before, own) => {
  const alarm = { message: before + error.message, hint: error.hint, failure };
  expect(sayAlarm(alarm, 'zh')).toEqual({
    message: `${own}没有找到 a.test 的 DNS 区域`,
    hint: expect.stringContaining('请检查域名是否已委派'),
  });
  expect(sayAlarm(alarm, 'en')).toEqual({ message: alarm.message, hint: alarm.hint });
});

it('leaves a sentence of an earlier version as it is', () => {
  const alarm = { message: 'something happened', hint: 'Mend it.' };
  expect(sayAlarm(alarm, 'zh')).toEqual(alarm);
});
