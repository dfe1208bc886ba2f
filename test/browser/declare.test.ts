import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import haproxyBalancer from '../../src/balancers/haproxy.ts';
import type { ServedState } from '../../src/core/plan/served.ts';
import { en } from '../../src/pages/text/en.ts';
import { quickLooks, startDaemon, startLooking } from '../support/daemon.ts';
import { itDrawn } from '../support/drawn.ts';
import { type Bench, startBench } from '../support/e2e.ts';
import { startHaproxy } from '../support/haproxy.ts';
import { findingsOf, startBrowser } from '../support/pages/browser.ts';
import { openFirst } from '../support/pages/first-user.ts';
import { freePort, temporaryFolder, until } from '../support/service.ts';
import { describeWith, stopAllAfterwards } from '../support/vitest.ts';

stopAllAfterwards();

const words = en.declare;

describeWith(['chromium', 'pebble', 'haproxy', 'named'], 'the page of a new certificate', () => {
  let bench: Bench;
  let browser: Browser | undefined;
  /** The forward rules of HAProxy. */
  let map: string;
  beforeAll(async () => {
    map = join(await temporaryFolder('map'), 'acme.map');
    await writeFile(map, '');
    const [, line = ''] = /```haproxy\n([^`]+)\n```/.exec(haproxyBalancer.notes ?? '') ?? [];
    const frontend = [line.replaceAll('/etc/haproxy/certfleet-acme.map', map)];
    [bench, browser] = await Promise.all([startBench({ frontend }), startBrowser()]);
  });
  afterAll(() => browser?.close());

  /** Makes a user at a daemon that declares nothing, and opens the pages as that user. */
  async function begin(options: {
    readonly javaScriptEnabled?: boolean;
    readonly viewport?: { width: number; height: number };
  }) {
    const port = await freePort();
    const home = await bench.home((one) => ({ ...one, certificates: [], pages: { listen: [`127.0.0.1:${port}`] } }));
    const daemon = startDaemon(home);
    const { page, complaints, makeUser } = await openFirst(browser!, daemon, options);
    await makeUser();
    await page.getByRole('link', { name: en.certificates, exact: true }).click();
    await page.getByRole('link', { name: words.link }).click();
    return { page, complaints };
  }

  it('shows while one types what an order would meet, and then the order, live', async () => {
    const { page, complaints } = await begin({});
    const found = page.locator('#check');
    await found.getByText(en.check.idle).waitFor();
    await page.getByLabel(words.proof).selectOption('dns');
    await page.getByLabel(words.names).pressSequentially('example.test\nnot-ours.test');
    const nameOf = (name: string) =>
      found
        .locator('li')
        .filter({ has: page.locator('.name', { hasText: name }) })
        .first();
    await nameOf('example.test').getByText(en.check.states.well, { exact: true }).first().waitFor();
    await nameOf('not-ours.test').getByText(en.check.states.broken, { exact: true }).waitFor();
    // What is shown beside leaves the cursor where it is.
    expect(await page.evaluate('document.activeElement.name')).toBe('names');
    expect(await findingsOf(page)).toEqual([]);

    await page.getByLabel(words.names).fill('example.test');
    await nameOf('not-ours.test').waitFor({ state: 'detached' });
    await page.getByLabel('edge').check();
    await page.getByRole('button', { name: words.button }).click();
    await page.getByRole('heading', { name: 'example.test', exact: true }).waitFor();
    // Nothing reads the page again but itself.
    await page.getByText(en.stateSentence.valid).waitFor({ timeout: 30_000 });
    expect(complaints).toEqual([]);

    // Two people change it at once.
    const other = await page.context().newPage();
    for (const one of [other, page]) {
      await one.goto(new URL('/certificates/example.test', page.url()).href);
      await one.getByRole('link', { name: en.edit.link }).click();
      await one.getByLabel(words.names).fill(`example.test\n${one === page ? 'mine' : '*'}.example.test`);
    }
    await other.getByRole('button', { name: en.edit.button }).click();
    await other.getByRole('heading', { name: 'example.test', exact: true }).waitFor();
    await page.getByRole('button', { name: en.edit.button }).click();
    await page.locator('#meanwhile ins', { hasText: '*.example.test' }).waitFor();
    expect(await page.getByLabel(words.names).inputValue()).toContain('mine.example.test');
    expect(await findingsOf(page)).toEqual([]);
    await other.close();

    await page.goto(new URL('/new', page.url()).href);
    await page.getByLabel(words.names).fill('example.test');
    await found.getByText(en.check.covered).getByRole('link', { name: 'example.test' }).waitFor();
  });

  it('declares one over DNS, without a script, and its page shows that it is issued', async () => {
    const { page } = await begin({ javaScriptEnabled: false });
    await page.getByLabel(words.names).fill('example.test\n*.example.test');
    await page.getByLabel(words.proof).selectOption('web');
    await page.getByLabel('edge').check();
    await page.getByRole('button', { name: words.button }).click();
    // HTTP-01 proves no wildcard; what was typed is still there.
    expect(await page.locator('#names-problem').textContent()).toContain('*.example.test');
    expect(await page.getByLabel(words.names).inputValue()).toContain('*.example.test');
    expect(await page.getByLabel('edge').isChecked()).toBe(true);

    await page.getByLabel(words.proof).selectOption('dns');
    await page.getByRole('button', { name: en.check.button, exact: true }).click();
    expect(await page.locator('#check').getByText(en.check.states.well, { exact: true }).count()).toBeGreaterThan(1);
    expect(await page.getByLabel('edge').isChecked()).toBe(true);
    await page.getByRole('button', { name: words.button }).click();
    await page.getByRole('heading', { name: 'example.test', exact: true }).waitFor();
    await until(
      async () => {
        await page.reload();
        return page.getByText(en.stateSentence.valid).isVisible();
      },
      { what: 'the certificate is valid' },
    );
    const served = await bench.fetch('www.example.test', bench.haproxy.httpsPort);
    expect(served.status).toBeGreaterThan(0);

    await page.getByRole('link', { name: words.remove }).click();
    await page.getByRole('button', { name: words.remove }).click();
    await page.getByText(en.stateSentence.undeclared).waitFor();
  });

  itDrawn('declares one over a forward rule, and shows that a server sends an old one again', async () => {
    const port = await freePort();
    const folder = await temporaryFolder('served');
    const served = await startHaproxy({ certificates: folder });
    const home = await bench.home((one) => ({
      ...one,
      balancers: { front: { type: 'haproxy', sockets: [bench.haproxy.socket], map } },
      solvers: { front: { type: 'http01-forward-rule', balancer: 'front' } },
      deployers: { edge: { type: 'haproxy', socket: served.socket, certificates: folder } },
      ...{ certificates: [], pages: { listen: [`127.0.0.1:${port}`] } },
    }));
    const { said } = startLooking(home, quickLooks);
    const { page, complaints, makeUser } = await openFirst(browser!, { said });
    await makeUser();
    await page.goto(new URL('/new', page.url()).href);
    const endpoint = `abc.example.test:${served.httpsPort}`;
    await page.getByLabel(words.names).fill('abc.example.test');
    await page.getByLabel('edge').check();
    await page.getByLabel(words.endpoints).fill('abc.example.test:https');
    await page.getByRole('button', { name: words.button }).click();
    expect(await page.locator('#endpoints-problem').textContent()).toContain('abc.example.test:https');
    await page.getByLabel(words.endpoints).fill(endpoint);
    await page.getByRole('button', { name: words.button }).click();
    await page.getByRole('heading', { name: 'abc.example.test', exact: true }).waitFor();
    const seen = (state: ServedState) => page.locator('#facts').getByText(en.list.servedStates[state]).waitFor();
    await page.getByText(en.stateSentence.valid).waitFor();
    await seen('current');
    expect(await readFile(map, 'utf8')).toBe('');

    const old = await readFile(join(folder, 'abc.example.test.pem'));
    const serial = () => page.locator('#facts code').first().textContent();
    const first = await serial();
    await page.getByRole('button', { name: en.actions.renew }).click();
    await until(async () => (await serial()) !== first, { what: 'another serial number' });
    await page.getByText(en.stateSentence.valid).waitFor();

    // Someone puts another server in its place, from an image with the old certificate.
    const image = await temporaryFolder('image');
    await writeFile(join(image, 'abc.example.test.pem'), old);
    await served.stop();
    const { httpPort, httpsPort } = served;
    const another = await startHaproxy({ certificates: image, httpPort, httpsPort });
    // Nobody reloads it.
    await seen('stale');
    await page.locator('#facts').getByText(endpoint).waitFor();
    expect(await findingsOf(page)).toEqual([]);
    await another.stop();
    await served.restart();
    // The daemon's own try may come between what the page shows and the click, which is refused then.
    const isCurrent = async () => {
      await page.getByRole('button', { name: en.actions.redeploy }).click();
      const current = page.locator('#facts').getByText(en.list.servedStates.current);
      return current.waitFor({ timeout: 5_000 }).then(
        () => true,
        () => false,
      );
    };
    await until(isCurrent, { what: 'the current one is served again', deadlineMs: 60_000 });
    expect(complaints.filter((one) => !one.includes('409'))).toEqual([]);
  });

  it('fits a phone, and has no serious finding of axe', async () => {
    const { page, complaints } = await begin({ viewport: { width: 390, height: 800 } });
    await page.getByRole('button', { name: words.button }).click();
    await page.locator('#names-problem').getByText(words.noNames).waitFor();
    expect(await findingsOf(page)).toEqual([]);
    expect(complaints).toEqual([]);
    expect(await page.evaluate('document.documentElement.scrollWidth <= innerWidth')).toBe(true);
  });
});
