import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest';
import { en } from '../../src/pages/text/en.ts';
import { zh } from '../../src/pages/text/zh.ts';
import { findingsOf, startBrowser, startContext } from '../support/pages/browser.ts';
import { later } from '../support/pages/fleet.ts';
import { looks } from '../support/pages/looks.ts';
import { type PagesServer, servePages } from '../support/pages/server.ts';
import { until } from '../support/service.ts';
import { describeWith } from '../support/vitest.ts';

const texts = { en, zh } as const;

describeWith(['chromium'], 'the pages in a browser', () => {
  let browser: Browser;
  let server: PagesServer;
  beforeAll(async () => {
    [browser, server] = await Promise.all([startBrowser(), servePages()]);
  });
  afterAll(async () => {
    await browser.close();
    await server.close();
  });

  /** A person who opens a page. */
  async function open(
    path: string,
    { language = 'en', ...more }: Partial<Parameters<typeof startContext>[1]> & { readonly at?: PagesServer } = {},
  ) {
    const context = await startContext(browser, { language, ...more });
    onTestFinished(async () => {
      await context.close();
      expect(context.complaints).toEqual([]);
    });
    const page = await context.newPage();
    await page.goto(`${(more.at ?? server).url}${path}`);
    return page;
  }

  const usual = ['/', '/certificates?search=example.', '/certificates/shop.example.com'];
  const rare = [
    '/certificates?search=absent',
    '/certificates/api.example.com',
    '/certificates/wildcard.apps.example.com',
    '/certificates/shop.example.com/path',
    '/certificates/www.example.com/revoke',
    '/connections',
    '/connections/new?section=solvers',
    '/connections/new?section=solvers&type=dns01&provider=rfc2136',
    '/connections/solvers/bind',
    '/nothing',
  ];

  it.each(looks)('have no serious finding of axe, and fit any width: %s, %s', async (language, colorScheme) => {
    const page = await open('/', { language, colorScheme });
    // A rule of one page hardly depends on its colours.
    for (const path of colorScheme === 'light' ? [...usual, ...rare] : usual) {
      await page.setViewportSize({ width: 1280, height: 900 });
      await page.goto(`${server.url}${path}`);
      expect(await page.locator('html').getAttribute('lang')).toBe(language === 'en' ? 'en' : 'zh-Hans');
      await page.evaluate("for (const one of document.querySelectorAll('details')) one.open = true");
      expect(await findingsOf(page), path).toEqual([]);
      for (const width of [1000, 860, 360]) {
        await page.setViewportSize({ width, height: 740 });
        expect(await page.evaluate('document.documentElement.scrollWidth'), path).toBeLessThanOrEqual(width);
      }
    }
  });

  it('are kept up to date, and leave alone what a person does', async () => {
    const page = await open('/certificates?sort=name');
    const names = await page.locator('tbody a.name').allTextContents();
    const pick = page.getByLabel(en.list.select('app-005.example.com'));
    await pick.check();
    const search = page.getByLabel(en.list.search);
    await search.focus();
    // What is typed here is not looked up, because the change comes from a script.
    const field = "document.querySelector('input[type=search]')";
    await page.evaluate(`${field}.value = 'half a wo'; ${field}.setSelectionRange(4, 6)`);
    for (const name of names)
      server.fleet.change(name, { notAfter: later(new Date(), 300.5), renewAt: later(new Date(), 200.5) });
    await page.getByRole('row', { name: 'app-009.example.com' }).getByText('in 300 days').waitFor();
    const kept = await page.evaluate(
      `[document.activeElement === ${field}, ${field}.value, ${field}.selectionStart, ${field}.selectionEnd]`,
    );
    expect(kept).toEqual([true, 'half a wo', 4, 6]);
    expect(await pick.isChecked()).toBe(true);

    // A selected text and an open part stay, too.
    await page.goto(`${server.url}/certificates/shop.example.com`);
    const details = page.locator('#run-a3 details');
    await details.locator('summary').click();
    await page.evaluate("getSelection().selectAllChildren(document.querySelector('h1'))");
    server.fleet.change('shop.example.com', { state: 'valid' });
    await page.getByText(en.stateSentence.valid).waitFor();
    expect(await page.evaluate('String(getSelection())')).toBe('shop.example.com');
    expect(await details.getAttribute('open')).toBe('');
    server.fleet.change('shop.example.com', { state: 'failing' });
    await page.getByText(en.stateSentence.failing).waitFor();
  });

  it('find while a person types, and by the button without scripts', async () => {
    const page = await open('/certificates');
    await page.getByLabel(en.list.search).pressSequentially('app-01');
    // Not by a text that the page evaluates, which its policy refuses.
    await until(async () => (await page.locator('tbody tr').count()) === 10, { what: 'ten rows' });
    await page.waitForURL('**/certificates?search=app-01');
    await page.locator('select[name=state]').selectOption('failing');
    await page.getByText(en.list.nothing).waitFor();
    // What is read again later is what is shown now.
    const read = await page.locator('#live').getAttribute('hx-get');
    expect(read).toContain('state=failing');

    const plain = await open('/certificates', { javaScriptEnabled: false });
    await plain.getByLabel(en.list.search).fill('app-02');
    await plain.getByRole('button', { name: en.list.apply }).click();
    await plain.waitForURL('**search=app-02*');
    expect(await plain.locator('tbody tr').count()).toBe(10);
    await plain.getByLabel(en.list.select('app-021.example.com')).check();
    await plain.getByRole('button', { name: en.actions.redeploy }).click();
    await plain.getByRole('button', { name: en.actions.redeploy }).click();
    await plain.getByText(en.begunMany(1, 0)).waitFor();
    expect(server.fleet.begun.at(-1)).toMatchObject({ action: 'redeploy', name: 'app-021.example.com' });
  });

  it('share one connection in eight tabs, and a hidden tab has none', async () => {
    const own = await servePages({ more: 0 });
    onTestFinished(() => own.close());
    const first = await open('/', { at: own });
    const tabs: Page[] = [first];
    while (tabs.length < 8) {
      const tab = await first.context().newPage();
      await tab.goto(`${own.url}/certificates/www.example.com`);
      tabs.push(tab);
    }
    await until(() => own.fleet.followers === 1, { what: 'one connection' });
    own.fleet.change('www.example.com', { state: 'due' });
    for (const tab of tabs.slice(1)) await tab.getByText(en.stateSentence.due).waitFor();
    expect(own.fleet.followers).toBe(1);

    const see = (tab: Page, isHidden: boolean) =>
      tab.evaluate(`
        Object.defineProperty(document, 'hidden', { configurable: true, get: () => ${isHidden} });
        document.dispatchEvent(new Event('visibilitychange'));
      `);
    // The one that listens goes; another one takes over.
    await see(first, true);
    await until(() => own.fleet.followers === 1, { what: 'one connection' });
    own.fleet.change('www.example.com', { state: 'valid' });
    for (const tab of tabs.slice(1)) await tab.getByText(en.stateSentence.valid).waitFor();
    for (const tab of tabs.slice(1)) await see(tab, true);
    await until(() => own.fleet.followers === 0, { what: 'no connection' });
    own.fleet.change('www.example.com', { state: 'due' });
    const before = own.requests.length;
    await see(tabs[3]!, false);
    await tabs[3]!.getByText(en.stateSentence.due).waitFor();
    // Only this tab has read anything.
    const pages = own.requests.slice(before).filter((one) => one !== 'GET /events');
    expect(pages).toEqual(['GET /certificates/www.example.com']);
  });

  it('say that the connection is lost, and read everything again after it', async () => {
    const own = await servePages({ more: 0 });
    const page = await open('/certificates/www.example.com', { at: own });
    await until(() => own.fleet.followers === 1, { what: 'one connection' });
    for (let i = 0; i < 5; i += 1) own.fleet.change('mail.example.com', {});
    await own.close();
    await page.getByText(en.live.lost).waitFor();
    const again = await servePages({ more: 0, port: Number(new URL(own.url).port) });
    onTestFinished(() => again.close());
    // Another process counts anew: its numbers say nothing about what the page knows, whether they are lower or higher.
    again.fleet.change('www.example.com', { state: 'due' });
    for (let i = 0; i < 20; i += 1) again.fleet.change('mail.example.com', {});
    await page.getByText(en.stateSentence.due).waitFor();
    await page.getByText(en.live.lost).waitFor({ state: 'detached' });
  });

  it('are used with the keyboard alone', async () => {
    const page = await open('/certificates/www.example.com');
    await page.keyboard.press('Tab');
    expect(await page.evaluate('document.activeElement.textContent')).toBe(en.skip);
    await page.keyboard.press('Enter');
    expect(await page.evaluate('document.activeElement.id')).toBe('main');
    await page.keyboard.press('Tab');
    expect(await page.evaluate('document.activeElement.textContent')).toBe(en.actions.renew);
    // Whoever moves by keys sees where they are.
    const outline = await page.evaluate('getComputedStyle(document.activeElement).outlineStyle');
    expect(outline).toBe('solid');
    await page.keyboard.press('Enter');
    await page.getByText(en.begun.renew).waitFor();
    expect(server.fleet.begun.at(-1)).toMatchObject({ action: 'renew', name: 'www.example.com' });
    expect(server.fleet.begun.at(-1)?.ifRevision).toMatch(/-www\.example\.com$/);
    // Told once.
    await page.reload();
    expect(await page.getByText(en.begun.renew).count()).toBe(0);
  });

  it('draw the path in place, and roll back and revoke only after a question', async () => {
    const page = await open('/certificates/www.example.com');
    await page.getByRole('link', { name: en.certificate.draw }).click();
    await page.getByText('203.0.113.7 refuses connections on port 80').waitFor();
    expect(new URL(page.url()).pathname).toBe('/certificates/www.example.com');
    await page.getByRole('link', { name: en.actions.revoke }).click();
    await page.getByLabel(en.confirm.reasons.superseded).check();
    await page.getByRole('button', { name: en.actions.revoke }).click();
    await page.getByText(en.begun.revoke).waitFor();
    expect(server.fleet.begun.at(-1)).toMatchObject({ action: 'revoke', reason: 'superseded' });
  });

  it('keep the language, the colours and the time zone of a person', async () => {
    const page = await open('/');
    await page.getByRole('link', { name: zh.language }).click();
    await page.getByRole('heading', { name: zh.running.title }).waitFor();
    await page.getByRole('link', { name: zh.themes.dark }).click();
    await page.getByRole('link', { name: zh.certificates, exact: true }).click();
    await page.getByRole('heading', { name: zh.certificates, level: 1 }).waitFor();
    const ground = await page.evaluate('getComputedStyle(document.body).backgroundColor');
    expect(ground).toBe('rgb(16, 20, 24)');
    await page.getByText(texts.zh.timesIn('Asia/Shanghai')).waitFor();
  });
});
