import { describe, expect, it } from 'vitest';
import { Secret } from '../../core/errors/secret.ts';
import { withoutSecrets } from './scrub.ts';

const secret = 'Sw0rd/fish+"& <tail>\\end=';
const twice = (text: string) => JSON.stringify(JSON.stringify(text)).slice(3, -3);
const html = (text: string) =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
const lines = (text: string, every: number) => text.replace(new RegExp(`.{${every}}`, 'g'), '$&\r\n');
const coded = (prefix: string, radix: number, suffix: string) =>
  [...secret].map((one) => `${prefix}${one.charCodeAt(0).toString(radix).padStart(4, '0')}${suffix}`).join('');
const bytes = Buffer.from(secret);
const pairs = bytes.toString('hex').match(/../g)!;
const broken = (by: string) => secret.match(/.{1,5}/g)!.join(by);

describe('a secret is removed', () => {
  it.each<[string, string]>([
    ['as it is', secret],
    ['in small letters', secret.toLowerCase()],
    ['in capitals', secret.toUpperCase()],
    ['in a URL', encodeURIComponent(secret)],
    ['in a URL, twice', encodeURIComponent(encodeURIComponent(secret))],
    ['in JSON', JSON.stringify(secret).slice(1, -1)],
    ['in JSON, twice', twice(secret)],
    ['in JSON with code points', coded('\\u', 16, '')],
    ['in JSON with code points, twice', coded('\\\\u', 16, '')],
    ['in HTML', html(secret)],
    ['in HTML, twice', html(html(secret))],
    ['in HTML with numbers', coded('&#', 10, ';')],
    ['in HTML with hexadecimal numbers', coded('&#x', 16, ';')],
    ['in base64', bytes.toString('base64')],
    ['in base64 for URLs', bytes.toString('base64url')],
    ['in base64 with line breaks', lines(bytes.toString('base64'), 8)],
    ['in hex', bytes.toString('hex')],
    ['in hex, in capitals', bytes.toString('hex').toUpperCase()],
    ['in hex with blanks', lines(bytes.toString('hex'), 4)],
    ['broken into lines', lines(secret, 5)],
    ['broken into lines, in JSON', JSON.stringify(lines(secret, 5)).slice(1, -1)],
    ['in hex with colons', pairs.join(':')],
    ['in hex with hyphens', pairs.join('-')],
    ['as a list of hexadecimal numbers', pairs.map((pair) => `0x${pair}`).join(', ')],
    ['in HTML with numbers that have no end', coded('&#', 10, '')],
    ['quoted-printable', secret.replaceAll('=', '=3D')],
    ['quoted-printable, all of it', pairs.map((pair) => `=${pair.toUpperCase()}`).join('')],
    ['quoted-printable with line breaks', broken('=\r\n')],
    ...[
      '<br>',
      '<br />',
      '<wbr/>',
      '</b><b class="x">',
      '-',
      '\0',
      '\u001b',
      '\u001b[1;31m',
      '\u00ad',
      '\u200b',
      '\ufeff',
    ].map((by): [string, string] => [`broken by ${JSON.stringify(by)}`, broken(by)]),
    ...['\0', '\u001b[0m'].map((by): [string, string] => [
      `broken by ${JSON.stringify(by)}, in JSON`,
      JSON.stringify(broken(by)).slice(1, -1),
    ]),
    ['in part', secret.slice(0, 12)],
  ])('%s', (_how, shown) => {
    const clean = withoutSecrets(`before ${shown} after ${shown}.`, [new Secret(secret)]);
    // A line break after the last piece stays.
    expect(clean.replaceAll(/\r\n|\\r\\n/g, '')).toBe('before *** after ***.');
  });

  it.each(['Authorization: Bearer ', '{"token":"', 'user:', 'ab'])('from base64 of a text, behind %j', (prefix) => {
    for (const form of ['base64', 'base64url'] as const) {
      const shown = Buffer.from(`${prefix}${secret}"}`).toString(form);
      const first = Math.ceil((prefix.length * 8) / 6);
      const end = Math.floor(((prefix.length + secret.length) * 8) / 6);
      const clean = `before ${shown.slice(0, first)}***${shown.slice(end)} after`;
      expect(withoutSecrets(`before ${shown} after`, [new Secret(secret)])).toBe(clean);
    }
  });

  it('with all others, where they overlap', () => {
    const all = ['first-secret', 'secret-second'].map((one) => new Secret(one));
    expect(withoutSecrets('a first-secret-second b', all)).toBe('a *** b');
  });

  it('and nothing else is', () => {
    const text = 'Wörter \ud83d\ude00 %zz &unknown; \\u12 100% & \\';
    expect(withoutSecrets(text, [new Secret('abc'), new Secret('another-secret')])).toBe(text);
  });

  it.each(['\\', '&amp;', '%25', 'Sw0rd/fi', '&', '%', ' \\u', '=', '<b ', '<br>', '\u001b[1', '=3', '0x4'])(
    'from a long text of %j without a long wait',
    (part) => {
      const text = part.repeat(100_000 / part.length);
      const began = process.cpuUsage().user;
      withoutSecrets(text, [new Secret(secret), new Secret(part.repeat(500))]);
      expect(process.cpuUsage().user - began).toBeLessThan(2_000_000);
    },
  );
});
