import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { transform } from 'esbuild';

/** Which files of packages the pages' assets contain, for their notices. */
export const assetModules: readonly string[] = [createRequire(import.meta.url).resolve('htmx.org/dist/htmx.min.js')];

/** The text of src/generated/page-assets.ts: style and scripts of the pages, as the browser gets them. */
export async function pageAssetsText(root: string): Promise<string> {
  const own = (name: string) => readFile(join(root, 'src/pages/browser', name), 'utf8');
  const style = await transform(await own('pages.css'), { loader: 'css', minify: true });
  const live = await transform(await own('live.js'), { loader: 'js', minify: true, format: 'iife', target: 'es2022' });
  const packages = await Promise.all(assetModules.map((path) => readFile(path, 'utf8')));
  const script = [...packages.map((text) => text.replace(/\n?\/\/# sourceMappingURL=.*\n?$/, '')), live.code].join(
    '\n',
  );
  return `// Made by \`npm run gen\` from src/pages/browser/ and htmx. Do not edit.
export const pageAssets = {
  style: ${assetText('pages.css', 'text/css', style.code)},
  script: ${assetText('pages.js', 'text/javascript', script)},
};
`;
}

/** The name has the content's hash, so that browsers may keep it for ever. */
function assetText(name: string, type: string, text: string): string {
  const hash = createHash('sha256').update(text).digest('hex').slice(0, 12);
  return `{\n    name: '${hash}-${name}',\n    type: '${type}; charset=utf-8',\n    text: ${JSON.stringify(text)},\n  }`;
}
