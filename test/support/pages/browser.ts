import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { type Browser, type BrowserContext, type BrowserContextOptions, chromium, type Page } from 'playwright-core';

/** Debian's program, as on the path. */
export async function startBrowser(): Promise<Browser> {
  return chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox'] });
}

/** A person's browser, which notes what the content security policy or a script complains of. */
export async function startContext(
  browser: Browser,
  { language, ...options }: BrowserContextOptions & { readonly language: 'en' | 'zh' },
): Promise<BrowserContext & { readonly complaints: readonly string[] }> {
  const locale = language === 'zh' ? 'zh-CN' : 'en-GB';
  const context = await browser.newContext({ locale, timezoneId: 'Asia/Shanghai', ...options });
  const complaints: string[] = [];
  context.on('console', (message) => {
    // An answer that is an error, or a server that is away, is so on purpose.
    if (message.type() === 'error' && !/status of [45]\d\d|net::ERR_|Failed to fetch/.test(message.text()))
      complaints.push(message.text());
  });
  context.on('weberror', (error) => complaints.push(error.error().message));
  return Object.assign(context, { complaints });
}

const axe = readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** Returns the serious findings of axe on a page: the rule, and where. */
export async function findingsOf(page: Page): Promise<readonly string[]> {
  await page.evaluate(await axe);
  return page.evaluate(async () => {
    const { axe: loaded } = globalThis as unknown as {
      axe: {
        run(options: object): Promise<{ violations: { id: string; impact: string; nodes: { html: string }[] }[] }>;
      };
    };
    const { violations } = await loaded.run({ resultTypes: ['violations'] });
    return violations
      .filter(({ impact }) => impact === 'serious' || impact === 'critical')
      .map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html.slice(0, 200)).join(' | ')}`);
  });
}
