import { readFile } from 'node:fs/promises';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { en } from '../../src/pages/text/en.ts';
import { startDaemon } from '../support/daemon.ts';
import { type Bench, onlyCertificate, startBench } from '../support/e2e.ts';
import { findingsOf, startBrowser } from '../support/pages/browser.ts';
import { openFirst } from '../support/pages/first-user.ts';
import { freePort, until } from '../support/service.ts';
import { describeWith, stopAllAfterwards } from '../support/vitest.ts';

stopAllAfterwards();

describeWith(['chromium', 'pebble', 'haproxy', 'named'], 'the pages of a daemon', () => {
  let bench: Bench;
  let browser: Browser | undefined;
  beforeAll(async () => {
    [bench, browser] = await Promise.all([startBench(), startBrowser()]);
  });
  afterAll(() => browser?.close());

  it('lead from the first link to a certificate that is watched, renewed, taken back and revoked', async () => {
    const port = await freePort();
    const home = await bench.home((configuration) => ({
      ...onlyCertificate('abc')(configuration),
      pages: { listen: [`127.0.0.1:${port}`], keyDownload: true },
    }));
    const daemon = startDaemon(home);
    const { page, complaints, makeUser } = await openFirst(browser!, daemon);
    expect(await findingsOf(page)).toEqual([]);
    await makeUser();

    await page.getByRole('heading', { name: en.all.well(1) }).waitFor();
    await page.getByRole('link', { name: en.certificates, exact: true }).click();
    await page.getByRole('link', { name: 'abc', exact: true }).click();
    await page.getByText(en.stateSentence.valid).waitFor();
    const serial = () => page.locator('#facts code').first().textContent();
    const first = await serial();
    await page.getByRole('button', { name: en.actions.renew }).click();
    await page.getByText(en.begun.renew).waitFor();
    // Nobody reloads it.
    await page.locator('#history').getByText(en.run.acts.renewed).first().waitFor();
    await until(async () => (await serial()) !== first, { what: 'another serial number' });
    await page.getByText(en.stateSentence.valid).waitFor();
    expect(await page.locator('#targets').getByText(en.certificate.deployments.current).count()).toBe(2);

    await page.getByRole('link', { name: en.actions.rollback }).click();
    await page.getByRole('button', { name: en.actions.rollback }).click();
    await page.locator('#history').getByText(en.run.acts['rolled-back']).waitFor();
    await until(async () => (await serial()) === first, { what: 'the serial number of before' });

    await page.getByRole('link', { name: en.actions.downloadKey }).click();
    await page.getByLabel(en.confirm.password).fill('correct horse');
    await page.getByRole('button', { name: en.actions.downloadKey }).click();
    await page.getByText('the password is wrong').waitFor();
    expect(await findingsOf(page)).toEqual([]);
    await page.getByLabel(en.confirm.password).fill('correct horse battery');
    const downloading = page.waitForEvent('download');
    await page.getByRole('button', { name: en.actions.downloadKey }).click();
    const file = await downloading;
    expect(file.suggestedFilename()).toBe('abc.pem');
    expect(await readFile(await file.path(), 'utf8')).toMatch(/PRIVATE KEY-----\n-----BEGIN CERTIFICATE/);
    await page.getByRole('link', { name: en.actions.back }).click();

    await page.getByRole('link', { name: en.actions.pause }).click();
    await page.getByLabel(en.confirm.pauseReason).fill('the proxy moves');
    await page.getByRole('button', { name: en.actions.pause }).click();
    await page.getByText(en.stateSentence.paused).waitFor();
    await page.locator('#facts').getByText('the proxy moves').waitFor();
    expect(await findingsOf(page)).toEqual([]);
    await page.getByRole('button', { name: en.actions.resume }).click();
    await page.getByText(en.begun.resume).waitFor();
    await page.getByText(en.stateSentence.valid).waitFor();

    await page.getByRole('link', { name: en.actions.revoke }).click();
    await page.getByLabel(en.confirm.reasons.cessationOfOperation).check();
    await page.getByRole('button', { name: en.actions.revoke }).click();
    await page.getByText(en.stateSentence.revoked).waitFor();
    expect(await findingsOf(page)).toEqual([]);

    const [typing, reading] = [await page.context().newPage(), await page.context().newPage()];
    await reading.goto(`http://127.0.0.1:${port}/connections`);
    await typing.goto(`http://127.0.0.1:${port}/new`);
    // As if it were pasted: more than a form may have.
    await typing.getByLabel(en.declare.names).fill('a.example.com '.repeat(20_000));
    await typing.locator('#check').getByText('The form is too large').waitFor();
    await page.getByRole('button', { name: en.logOut }).click();
    await reading.waitForURL('**/login?next=%2Fconnections');
    // Neither what looks while one types nor what follows the fleet takes the form away.
    await typing.getByLabel(en.declare.names).fill('b.example.com');
    await typing.locator('#check').getByText(en.live.out).waitFor();
    await typing.locator('#live-state').getByText(en.live.out).waitFor();
    expect(await typing.getByLabel(en.declare.names).inputValue()).toBe('b.example.com');
    await typing.locator('#check').getByRole('link', { name: en.live.login }).click();
    await typing.getByText('Your login had ended').waitFor();
    expect(complaints).toEqual([]);
  });
});
