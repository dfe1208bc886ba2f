/**
 * `npm run new dns NAME`: copies the template of a DNS provider from CONTRIBUTING.md and fills in its name. NAME is the
 * name of the service; the provider's id consists of its letters and digits in lower case.
 */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));

async function main(kind: string | undefined, title = ''): Promise<string> {
  if (kind !== 'dns' || title === '')
    throw new Error('usage: npm run new dns NAME, for instance `npm run new dns deSEC`');
  const id = title.toLowerCase().replaceAll(/[^a-z0-9]/g, '');
  if (!/^[a-z]/.test(id)) throw new Error(`"${title}" has no letter to begin an id with`);
  const files = [`src/dns/${id}.ts`, `src/dns/${id}.test.ts`];
  const there = files.find((file) => existsSync(join(root, file)));
  if (there !== undefined) throw new Error(`${there} exists already`);

  const contributing = await readFile(join(root, 'CONTRIBUTING.md'), 'utf8');
  const { version } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as { version: string };
  const filled = (text: string) =>
    text
      .replaceAll('exampledns', id)
      .replaceAll("'Example DNS'", JSON.stringify(title))
      .replace(/since: '[^']*'/, `since: '${version}'`);
  for (const [, file = '', code = ''] of contributing.matchAll(/^```ts template (\S+)\n(.*?)^```$/gms))
    await writeFile(join(root, filled(file)), filled(code));
  // The length of the name may change line breaks.
  const biome = join(root, 'node_modules/.bin/biome');
  const formatted = spawnSync(biome, ['check', '--write', ...files], { cwd: root, encoding: 'utf8' });
  if (formatted.status !== 0) throw new Error(`${formatted.stdout}${formatted.stderr}`);

  return `wrote
  ${files.join('\n  ')}

They pass their tests as they are, against an invented API. Next:
  1. Put the API of ${title} in place of it in both files: homepage, options, requests, and the fake's answers.
  2. npm run gen
  3. npx vitest run --project unit src/dns/${id}
  4. npm run check
Commit what \`npm run gen\` wrote together with the two files.
`;
}

try {
  process.stdout.write(await main(process.argv[2], process.argv[3]));
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 2;
}
