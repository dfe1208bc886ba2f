import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest';
import { en } from '../../src/pages/text/en.ts';
import { findingsOf, startBrowser, startContext } from '../support/pages/browser.ts';
import { looks } from '../support/pages/looks.ts';
import { type PagesServer, servePages } from '../support/pages/server.ts';
import { createSettings } from '../support/pages/settings.ts';
import { describeWith } from '../support/vitest.ts';

const { signal } = new AbortController();
const by = { name: 'root', via: 'command' } as const;
const password = 'correct horse battery';

describeWith(['chromium'], 'the settings in a browser', () => {
  let browser: Browser;
  let server: PagesServer;
  const settings = createSettings();
  beforeAll(async () => {
    const { users, tokens } = settings.access;
    await users.add({ name: 'mia', role: 'admin', password }, by, signal);
    await tokens.add({ name: 'ci', role: 'viewer', scope: ['shop-*'] }, by, signal);
    [browser, server] = await Promise.all([startBrowser(), servePages({ role: 'admin', more: 0, settings })]);
  });
  afterAll(async () => {
    await browser.close();
    await server.close();
  });

  async function open(path: string, options: Parameters<typeof startContext>[1]) {
    const context = await startContext(browser, options);
    onTestFinished(async () => {
      await context.close();
      expect(context.complaints).toEqual([]);
    });
    const page = await context.newPage();
    await page.goto(`${server.url}${path}`);
    return page;
  }

  const paths = ['users', 'users/mia/password', 'users/mia/remove', 'tokens', 'audit', 'alarms', 'configuration'];

  it.each(looks)('have no serious finding of axe, and fit a telephone: %s, %s', async (language, colorScheme) => {
    const page = await open('/settings', { language, colorScheme });
    // A rule of one page hardly depends on its colours.
    for (const path of colorScheme === 'light' ? paths : ['users', 'audit']) {
      await page.setViewportSize({ width: 1280, height: 900 });
      await page.goto(`${server.url}/settings/${path}`);
      expect(await findingsOf(page), path).toEqual([]);
      await page.setViewportSize({ width: 360, height: 740 });
      expect(await page.evaluate('document.documentElement.scrollWidth'), path).toBeLessThanOrEqual(360);
    }
    // A form with problems, too.
    await page.goto(`${server.url}/settings/users`);
    await page.locator('#add-user button').click();
    await page.locator('#name-problem').waitFor();
    expect(await findingsOf(page)).toEqual([]);
  });

  it('are used without scripts', async () => {
    const page = await open('/settings', { language: 'en', javaScriptEnabled: false });
    await page.getByLabel(en.settings.name, { exact: true }).fill('bob');
    await page.getByLabel(en.settings.role, { exact: true }).selectOption('operator');
    await page.getByLabel(en.settings.password, { exact: true }).fill('short');
    await page.getByRole('button', { name: en.settings.addUser }).click();
    expect(await page.locator('#password-problem').textContent()).toContain('12');
    expect(await page.getByLabel(en.settings.name, { exact: true }).inputValue()).toBe('bob');
    expect(await page.getByLabel(en.settings.role, { exact: true }).inputValue()).toBe('operator');
    await page.getByLabel(en.settings.password, { exact: true }).fill(password);
    await page.getByLabel(en.settings.again).fill(password);
    await page.getByRole('button', { name: en.settings.addUser }).click();
    await page.getByText(en.settings.done.added).waitFor();
    await page.getByRole('link', { name: en.settings.removeOf('bob') }).click();
    await page.getByRole('button', { name: en.settings.remove }).click();
    await page.getByText(en.settings.done.removed).waitFor();
    await page.getByRole('link', { name: en.settings.alarms }).click();
    await page.getByRole('button', { name: en.settings.testOf('ops') }).click();
    await page.getByText(en.settings.done.sent).waitFor();
    expect(settings.sent).toEqual(['ops']);
  });

  it('make a token with the keyboard alone', async () => {
    const page = await open('/settings/tokens', { language: 'en' });
    await page.getByLabel(en.settings.name, { exact: true }).focus();
    await page.keyboard.type('deploy');
    await page.keyboard.press('Tab');
    await page.keyboard.type('oper');
    for (const key of ['Tab', 'Tab', 'Tab', 'Enter']) await page.keyboard.press(key);
    const token = (await page.locator('#token').textContent()) ?? '';
    expect(await settings.access.tokens.find(token, signal)).toMatchObject({ name: 'deploy', role: 'operator' });
    await page.getByRole('link', { name: en.settings.backToTokens }).click();
    await page.getByRole('rowheader', { name: 'deploy' }).waitFor();
  });
});
