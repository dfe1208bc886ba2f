import type { Browser, BrowserContextOptions } from 'playwright-core';
import { onTestFinished } from 'vitest';
import type { startDaemon } from '../daemon.ts';
import { until } from '../service.ts';
import { startContext } from './browser.ts';

/** Opens the link of the first user that a daemon prints, and fills in the form, but does not send it. */
export async function openFirst(
  browser: Browser,
  daemon: Pick<ReturnType<typeof startDaemon>, 'said'>,
  options: BrowserContextOptions = {},
) {
  let said = '';
  const link = await until(
    () => {
      said += daemon.said();
      return /http:\/\/127\.0\.0\.1:\d+\/first\/[\w-]+/.exec(said)?.[0];
    },
    { what: 'the link of the first user' },
  );
  const context = await startContext(browser, { language: 'en', ...options });
  onTestFinished(() => context.close());
  const page = await context.newPage();
  await page.goto(link);
  await page.getByLabel('User').fill('mia');
  await page.getByLabel('Password', { exact: true }).fill('correct horse battery');
  await page.getByLabel('Password again').fill('correct horse battery');
  return {
    page,
    complaints: context.complaints,
    makeUser: () => page.getByRole('button', { name: 'Make the user' }).click(),
  };
}
