import { readdirSync } from 'node:fs';
import { join } from 'node:path';

/** Beginnings of the names of files that try the same with other adapters, commands, stores or places to stop. */
const families = [
  'test/crash/',
  'test/real/balancer-',
  'test/real/ca-',
  'test/real/daemon-',
  'test/real/deploy-',
  'test/real/dns-',
  'test/real/e2e-',
  'test/real/forward-rule-',
  'test/real/guide-',
  'test/real/import-',
  'test/real/schedule',
  'test/real/solver-',
  'test/real/store-postgres',
];

/** A run of all tests has one file of so many of each family. With the next seed, it has the next ones. */
const oneOf = 4;

/** Returns the files that a run of all tests leaves to others. */
export function undrawnFiles(root: string, seed: number): readonly string[] {
  const files = ['test/crash/', 'test/real/'].flatMap((folder) =>
    readdirSync(join(root, folder)).flatMap((name) => (name.endsWith('.test.ts') ? [`${folder}${name}`] : [])),
  );
  return families.flatMap((family) =>
    files
      .filter((file) => file.startsWith(family))
      .sort()
      .filter((_file, at) => (at + seed) % oneOf !== 0),
  );
}
