import { expect, it } from 'vitest';
import { nameOf, parseUrl } from './place.ts';

it.each<[url: string, parts: object]>([
  ['postgres://u:p@db/d', { host: 'db', port: 5432, user: 'u', password: 'p', database: 'd' }],
  ['postgresql://u@db.example.com:6432/d', { host: 'db.example.com', port: 6432, password: undefined }],
  [
    'postgres://u:p%40%3a%2f@[2001:db8::1]:80/d%20b',
    { host: '2001:db8::1', port: 80, password: 'p@:/', database: 'd b' },
  ],
  ['postgres://u:p@db/d?sslmode=require', { host: 'db', database: 'd' }],
])('reads %s', (url, parts) => {
  expect(parseUrl(url)).toMatchObject(parts);
});

it.each<[url: string, problem: RegExp]>([
  ['db.example.com/d', /expected a URL like/],
  ['mysql://u:hunter2@db/d', /expected a URL like/],
  ['postgres://db/d', /expected a URL like/],
  ['postgres://u:hunter2@db', /expected a URL like/],
  ['postgres://u:hunter2@/d', /expected a URL like/],
  ['postgres://u:hunter2%zz@db/d', /expected a URL like/],
  ['postgres://u:hunter2#x@db/d', /as %XX/],
  ['postgres://u:hunter2@db/d?sslmode=prefer', /without TLS.*`tls: off`/],
  ['postgres://u:hunter2@db/d?options=-c', /the parameter "options"/],
])('refuses %s, and does not repeat it', (url, problem) => {
  const found = parseUrl(url);
  expect(found).toMatch(problem);
  expect(found).not.toContain('hunter2');
});

it.each([
  [{ host: 'db', port: 5432, user: 'u', database: 'd' }, 'postgres://u@db:5432/d'],
  [{ host: '::1', port: 1, user: 'u', database: 'd' }, 'postgres://u@[::1]:1/d'],
  [{ host: '/run/pg', port: 5432, user: 'u', database: 'd' }, 'postgres://u@%2Frun%2Fpg:5432/d'],
])('names a place without its password: %j', (place, name) => {
  expect(nameOf(place)).toBe(name);
});
