import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { en } from '../../src/pages/text/en.ts';
import { zh } from '../../src/pages/text/zh.ts';
import { startDaemon } from '../support/daemon.ts';
import { type Bench, documents, startBench } from '../support/e2e.ts';
import { findingsOf, startBrowser } from '../support/pages/browser.ts';
import { openFirst } from '../support/pages/first-user.ts';
import { seeded } from '../support/seeded.ts';
import { freePort } from '../support/service.ts';
import { describeWith, stopAllAfterwards } from '../support/vitest.ts';

stopAllAfterwards();

// One language is enough for a whole path; the others are looked at page by page.
const text = seeded('language of the connections')() < 0.5 ? en : zh;
const words = text.connections;

describeWith(['chromium', 'pebble', 'haproxy', 'named'], `the connections in ${text.language}`, () => {
  let bench: Bench;
  let browser: Browser | undefined;
  beforeAll(async () => {
    [bench, browser] = await Promise.all([startBench(), startBrowser()]);
  });
  afterAll(() => browser?.close());

  /** The problem beside an option. */
  const beside = (page: Page, option: string) => page.locator(`[id="o.${option}-problem"]`).textContent();
  const option = (page: Page, name: string) => page.locator(`[name="o.${name}"]`);

  it('lead from the first link to a certificate over DNS that is watched', async () => {
    const { pebble, bind } = bench;
    const port = await freePort();
    const home = await bench.home(({ store, preflight, deployTimeout }) => ({
      ...{ store, preflight, deployTimeout, pages: { listen: [`127.0.0.1:${port}`] } },
      ...{ solvers: {}, deployers: {}, certificates: [] },
    }));
    const key = join(home.folder, 'store.key');
    expect((await bench.certfleet(['store', 'key', key])).status).toBe(0);
    await home.configure((configuration) => ({ ...configuration, storeKey: `file:${key}` }));
    const daemon = startDaemon(home, { env: { NODE_EXTRA_CA_CERTS: pebble.caFile } });
    const { page, complaints, makeUser } = await openFirst(browser!, daemon);
    await makeUser();
    await page.getByRole('link', { name: text.language, exact: true }).click();

    // Nothing is there yet, and the overview leads on.
    await page.getByRole('link', { name: words.first.issuer }).click();
    await page.getByRole('link', { name: words.anotherCa }).click();
    await page.getByLabel(words.name, { exact: true }).fill('pebble');
    await option(page, 'email').fill('ops@example.test');
    await option(page, 'directory').fill('my own CA');
    await page.getByText(words.more).click();
    await option(page, 'test').check();
    await page.getByRole('button', { name: words.save }).click();
    expect(await beside(page, 'directory')).toContain('my own CA');
    expect(await option(page, 'email').inputValue()).toBe('ops@example.test');
    expect(await option(page, 'test').isChecked()).toBe(true);
    expect(await findingsOf(page)).toEqual([]);
    await option(page, 'directory').fill(pebble.directoryUrl);
    await page.getByRole('button', { name: words.save }).click();
    await page.getByText(words.done.added).waitFor();
    // The test says where the terms are, and that nobody has agreed yet.
    await page.getByRole('button', { name: words.test.button }).click();
    await page.locator('#test').getByText('data:text/plain').waitFor();
    await page.getByLabel(words.agree).check();
    await page.getByRole('button', { name: words.save }).click();
    await page.getByText(words.done.changed).waitFor();
    await page.getByRole('button', { name: words.test.button }).click();
    await page.getByText(words.test.well).waitFor();

    // The DNS provider, with the keyboard.
    await page.getByRole('link', { name: words.first.solver }).click();
    await page.getByRole('link', { name: 'RFC 2136' }).focus();
    await page.keyboard.press('Enter');
    await option(page, 'options.server').focus();
    await page.keyboard.type('ns1 example');
    // Whoever leaves and comes back finds what they typed.
    await page.goto(new URL('/certificates', page.url()).href);
    await page.goBack();
    await expect.poll(() => option(page, 'options.server').inputValue()).toBe('ns1 example');
    await option(page, 'options.server').focus();
    await page.keyboard.press('Tab');
    await page.keyboard.type(bind.key.name);
    await page.keyboard.press('Tab');
    await page.keyboard.type(bind.key.secret);
    await page.keyboard.press('Enter');
    expect(await beside(page, 'options.server')).toContain('ns1.example.com');
    expect(await option(page, 'options.keyName').inputValue()).toBe(bind.key.name);
    // A secret never comes back.
    await page.getByText(words.typeAgain).waitFor();
    expect(await option(page, 'options.secret').inputValue()).toBe('');
    await option(page, 'options.server').fill(bind.server);
    await option(page, 'options.secret').fill(bind.key.secret);
    await page.getByText(words.more).click();
    await option(page, 'dns.zone').fill('example.test');
    await option(page, 'dns.nameservers').fill(bind.server);
    await page.getByRole('button', { name: words.save }).click();
    await page.getByText(words.done.added).waitFor();
    await page.getByLabel(words.test.zone, { exact: true }).fill('example.test');
    await page.getByRole('button', { name: words.test.button }).click();
    await page.getByText(words.test.well).waitFor();
    expect(await page.locator('#test li.well').count()).toBeGreaterThan(2);
    expect(await findingsOf(page)).toEqual([]);
    expect(await page.content()).not.toContain(bind.key.secret);
    for (const document of (await documents(home.store, 'declared')).values())
      expect(document).not.toContain(bind.key.secret);

    await page.getByRole('link', { name: words.first.certificate }).click();
    await page.getByLabel(text.declare.names).fill('example.test\n*.example.test');
    await page.getByRole('button', { name: text.declare.button, exact: true }).click();
    await page.getByRole('heading', { name: 'example.test', exact: true }).waitFor();
    // Nobody reloads it.
    await page.getByText(text.stateSentence.valid).waitFor();

    await page.getByRole('link', { name: words.title, exact: true }).click();
    await page.getByRole('link', { name: 'rfc2136', exact: true }).click();
    await page.getByRole('link', { name: words.remove }).click();
    await page.getByRole('button', { name: words.remove }).click();
    expect(await page.getByRole('alert').textContent()).toContain('example.test');
    expect(complaints).toEqual([]);
  });
});
