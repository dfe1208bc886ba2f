import { stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { en } from '../../src/pages/text/en.ts';
import { zh } from '../../src/pages/text/zh.ts';
import { startBrowser, startContext } from '../support/pages/browser.ts';
import { servePages } from '../support/pages/server.ts';
import { repositoryRoot } from '../support/service.ts';
import { describeWith } from '../support/vitest.ts';

// The pictures of the pages in docs/images: `CERTFLEET_IMAGES=write npx vitest run --project browser images` makes them
// anew, with a font for Chinese such as fonts-wqy-microhei. Fonts differ between machines, so they are not compared.

const texts = { en, zh } as const;

describeWith(['chromium'], 'the pictures of the documentation', () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await startBrowser();
  });
  afterAll(() => browser.close());

  it.each(['en', 'zh'] as const)('show the overview, the same each time: %s', async (language) => {
    const file = join(repositoryRoot, `docs/images/pages${language === 'zh' ? '.zh-CN' : ''}.png`);
    const take = async () => {
      const server = await servePages({ now: new Date('2026-11-30T12:00:00Z'), more: 60 });
      const viewport = { width: 1000, height: 640 };
      const context = await startContext(browser, { language, viewport, timezoneId: 'UTC', reducedMotion: 'reduce' });
      try {
        const page = await context.newPage();
        await page.goto(server.url);
        await page.getByRole('heading', { name: texts[language].needs.title, exact: true }).waitFor();
        return await page.screenshot({ animations: 'disabled', caret: 'hide' });
      } finally {
        await context.close();
        await server.close();
      }
    };
    const [first, second] = [await take(), await take()];
    expect(first.equals(second)).toBe(true);
    if (process.env['CERTFLEET_IMAGES'] === 'write') await writeFile(file, first);
    expect((await stat(file)).size).toBeLessThan(150_000);
  });
});
