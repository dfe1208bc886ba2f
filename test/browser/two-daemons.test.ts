import { execFileSync } from 'node:child_process';
import { open, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest';
import { en } from '../../src/pages/text/en.ts';
import { startDaemon } from '../support/daemon.ts';
import { type Bench, changeCertificate, onlyCertificate, readLineage, startBench } from '../support/e2e.ts';
import { startBrowser } from '../support/pages/browser.ts';
import { openFirst } from '../support/pages/first-user.ts';
import { freePort, temporaryFolder, until } from '../support/service.ts';
import { describeWith, stopAllAfterwards } from '../support/vitest.ts';

stopAllAfterwards();

/** How soon a page shows what another process did. */
const soonMs = 2_000;

/** In a process namespace of its own, as on another machine, so that nobody else sees whether it is alive. */
const elsewhere = ['unshare', '--pid', '--fork', '--kill-child', '--mount-proc'];

/** A pipe that a program reads from, and so waits. */
async function makeGate() {
  const gate = join(await temporaryFolder('gate'), 'gate');
  execFileSync('mkfifo', [gate]);
  const opened = await open(gate, 'r+');
  onTestFinished(() => opened.close());
  return { wait: `head -c 1 ${gate} >/dev/null`, pass: (times: number) => opened.write('.'.repeat(times)) };
}

describeWith(['unshare', 'chromium', 'pebble', 'haproxy', 'named'], 'the pages of one daemon', () => {
  let bench: Bench;
  let browser: Browser | undefined;
  beforeAll(async () => {
    [bench, browser] = await Promise.all([startBench(), startBrowser()]);
  });
  afterAll(() => browser?.close());

  it('show each step of another one, and that it was killed, until the work goes on', async () => {
    const [proof, delivery, port] = [await makeGate(), await makeGate(), await freePort()];
    const slow = await temporaryFolder('slow');
    const add = `printf 'server ${bench.bind.server.replace(':', ' ')}\nzone example.test\nupdate add %s 1 TXT "%s"\nsend\n' "$CERTFLEET_RECORD" "$CERTBOT_VALIDATION" | nsupdate -k ${bench.bind.keyFile}`;
    const home = await bench.home((one) => ({
      ...changeCertificate('abc', { solver: 'hook', endpoints: [], deploy: ['slow'] })(onlyCertificate('abc')(one)),
      solvers: { hook: { type: 'command', present: `${add} && ${proof.wait}` } },
      // Two thirds of it without a sign of life, and the run is interrupted.
      leaseTtl: '9s',
      deployers: { slow: { type: 'command', run: delivery.wait, path: slow } },
    }));
    const work = async () => (await readLineage(home.store, 'abc').catch(() => undefined))?.work;

    let kill = () => {};
    const killWhen = new Promise<void>((done) => (kill = done));
    const killed = home.certfleet(['run', '--json'], { killWhen, inside: elsewhere });
    await until(async () => (await work())?.step === 'challenges', { what: 'the first one waits for the proof' });

    const config = join(home.folder, 'other.yaml');
    const same = JSON.parse(await readFile(home.config, 'utf8')) as object;
    await writeFile(config, JSON.stringify({ ...same, node: 'other', pages: { listen: `127.0.0.1:${port}` } }));
    const daemon = startDaemon({
      certfleet: (args, options) => bench.certfleet([...args, '--config', config], options),
    });
    const { page, makeUser, complaints } = await openFirst(browser!, daemon);
    await makeUser();
    await page.getByRole('link', { name: 'abc', exact: true }).first().click();
    const step = page.locator('#run li[aria-current=step]');
    await step.getByText(en.steps.challenges).waitFor();

    await proof.pass(1);
    await until(async () => (await work())?.step === 'deploy', { what: 'the first one delivers' });
    await step.getByText(en.steps.deploy).waitFor({ timeout: soonMs });

    kill();
    expect((await killed).status).toBe('SIGKILL');
    await page.getByText(en.stateSentence.interrupted).waitFor();
    // The other one goes on, and delivers once more.
    await delivery.pass(2);
    await page.getByText(en.stateSentence.valid).waitFor();
    const runs = page.locator('#history');
    await runs.getByText(en.run.acts.delivered).first().waitFor();
    // Among the folded details of that run.
    await runs.getByText(`cut off at: ${en.steps.deploy}`).first().waitFor({ state: 'attached' });
    expect(complaints).toEqual([]);
  });
});
