import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { ChallengeType } from '../../core/ca/challenge-type.ts';
import type { AdapterSettings } from '../../core/spec/spec.ts';
import { registry } from '../../generated/registry.ts';
import { challengesOf } from './registry.ts';

it.each<[AdapterSettings, readonly ChallengeType[]]>([
  [{ type: 'http01-webroot', folders: ['/w'] }, ['http-01']],
  [{ type: 'http01-forward-rule', balancer: 'slb' }, ['http-01']],
  [{ type: 'tls-alpn01' }, ['tls-alpn-01']],
  [{ type: 'dns01', provider: 'rfc2136' }, ['dns-01']],
  [{ type: 'dns01', provider: 'rfc2136', challenge: 'dns-account-01' }, ['dns-account-01']],
  [{ type: 'dns01', provider: 'rfc2136', challenge: 'dns-persist-01' }, ['dns-persist-01', 'dns-01']],
  [{ type: 'command', present: 'x' }, ['dns-01']],
  [{ type: 'command', present: 'x', challenge: 'http-01' }, ['http-01']],
])('%j answers %j', (settings, challenges) => {
  expect(challengesOf(registry, settings)).toEqual(challenges);
});

describe('the source', () => {
  const names = Object.values(registry).flatMap((kind) => Object.keys(kind));
  const name = `(?:'(?:${names.join('|')})'|dns01Type|manualProvider)`;
  const type = String.raw`(?:\b(?:type|provider|id)|\[?'(?:type|provider)'\]?)\)?`;
  const compares = new RegExp(
    String.raw`${type} [!=]== ${name}|${name} [!=]== [\w.?]*${type}|\btype\.startsWith\('(?:http01|tls-alpn|dns01)`,
  );

  it.each([
    `if (type === 'files') return;`,
    `settings.type !== dns01Type`,
    `one['provider'] === 'manual'`,
    `'nginx' === target.settings.type`,
    `String(provider) === manualProvider`,
    `solver.type.startsWith('http01')`,
  ])('would be found with %s', (line) => expect(line).toMatch(compares));

  it('compares a type with no adapter, because definitions declare what matters', async () => {
    const root = join(import.meta.dirname, '../..');
    const files = (await readdir(root, { recursive: true })).filter((file) => /(?<!\.test)\.ts$/.test(file));
    const texts = await Promise.all(
      files.map(async (file) => [file, await readFile(join(root, file), 'utf8')] as const),
    );
    const found = texts.flatMap(([file, text]) =>
      text.split('\n').flatMap((line, at) => (compares.test(line) ? [`${file}:${at + 1}: ${line.trim()}`] : [])),
    );
    expect(files.length).toBeGreaterThan(500);
    expect(found).toEqual([]);
  });
});
