import { describe, expect, it } from 'vitest';
import type { AlarmNews } from '../core/alarm/alarm.ts';
import { Secret } from '../core/errors/secret.ts';
import { fakeWorld } from '../testing/dns-api-bench.ts';
import { createFakeApi } from '../testing/fake-api.ts';
import { fakeClock } from '../testing/fake-clock.ts';
import webhook from './webhook.ts';

const url = new Secret('https://ntfy.test/in');
const quoted = 'port 80 says "no" {title}\nand \\ more';
const news: AlarmNews = {
  ...{ node: 'web-1', at: '2026-11-29T10:00:00.000Z', repeated: [], resolved: [], more: [] },
  opened: [
    {
      ...{ key: 'k', kind: 'failing', certificate: 'www.example.com', message: quoted, hint: 'Open it.' },
      since: '2026-11-29T09:58:00.000Z',
    },
  ],
};

/** Sends the news, and returns the request. */
async function sent(options: Record<string, unknown>) {
  const clock = fakeClock();
  const api = createFakeApi({ clock, origin: 'https://ntfy.test', routes: { 'POST /in': () => ({ status: 200 }) } });
  const world = fakeWorld(clock, [])(api.http);
  const notifier = webhook.connect({ name: 'ops', world, options: webhook.options.parse({ url, ...options }) });
  await notifier.send(news, new AbortController().signal);
  return api.calls[0]!.request;
}
const problem = (options: Record<string, unknown>) =>
  webhook.options.safeParse({ url, ...options }).error?.issues[0]?.message;

describe('the webhook notifier', () => {
  it('sends everything as JSON', async () => {
    const { text, headers } = await sent({});
    const { isTest: _, ...rest } = news;
    expect(JSON.parse(text)).toEqual({
      title: 'certfleet: www.example.com: it cannot be renewed',
      text: expect.stringContaining('What to do: Open it.'),
      test: false,
      ...rest,
    });
    expect(headers['content-type']).toBe('application/json; charset=utf-8');
  });

  it('fills in the texts of an object, which stays valid whatever they are', async () => {
    const { text } = await sent({ body: { a: 'on {node}: {title}', b: [{ c: '{text}' }, 4, null], '{title}': true } });
    expect(JSON.parse(text)).toEqual({
      a: 'on web-1: certfleet: www.example.com: it cannot be renewed',
      b: [{ c: expect.stringContaining('port 80 says "no" {title} and \\ more') }, 4, null],
      '{title}': true,
    });
  });

  it('sends a text as it is, with headers of one line', async () => {
    const { text, headers } = await sent({
      body: '{text}',
      headers: { Title: '{title}: {text}' },
      secretHeaders: new Secret('Authorization: Bearer abc\n'),
    });
    expect(text).toMatch(/^New: www\.example\.com/);
    expect(headers).toMatchObject({
      'content-type': 'text/plain; charset=utf-8',
      title: expect.stringMatching(/^certfleet: www\.example\.com: it cannot be renewed: New: [\x20-\x7e]+$/),
      authorization: 'Bearer abc',
    });
  });

  it.each([
    [{}, undefined],
    [{ body: { a: '{titel}' } }, 'a placeholder is one of {title}, {text}, {node}, {at}'],
    [{ headers: { Title: '{x}' } }, 'a placeholder is one of {title}, {text}, {node}, {at}'],
    [{ headers: { Title: 'file:/x' } }, 'a secret belongs in `secretHeaders`'],
    [
      { url: new Secret('ftp://x') },
      'expected an https:// or http:// URL without USER:PASSWORD@ and without a fragment',
    ],
  ])('refuses bad options: %j', (options, expected) => {
    expect(problem(options)).toBe(expected);
  });

  it('refuses a line that is no header, without repeating it', () => {
    const options = webhook.options.parse({ url, secretHeaders: new Secret('topsecret') });
    const world = fakeWorld(fakeClock(), [])(undefined as never);
    expect(() => webhook.connect({ name: 'ops', world, options })).toThrow(
      'ops (webhook): `secretHeaders` needs lines of the form `Name: value`',
    );
  });
});
