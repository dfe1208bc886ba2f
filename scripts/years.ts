import { writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { daysOf } from '../test/simulation/years/days.ts';
import { languages, plotOf } from '../test/simulation/years/plot.ts';
import { liveYears, shops } from '../test/simulation/years/years.ts';

/**
 * Lives two years with 10,000 certificates in the model of plan and ledger.
 *
 * @param draws writes the plots of the guide
 */
export async function runYears(draws: boolean): Promise<void> {
  const begun = performance.now();
  const cpu = process.cpuUsage();
  const years = liveYears(shops(10_000), { days: 730 });
  const seconds = Math.round((performance.now() - begun) / 1000);
  const { user } = process.cpuUsage(cpu);
  for (const what of years.violations.slice(0, 20)) console.log(what);
  const days = daysOf(years);
  const last = days.findLastIndex(({ firsts }) => firsts > 0);
  const most = Math.max(...days.map(({ renewals }) => renewals));
  const renewals = days.reduce((sum, day) => sum + day.renewals, 0);
  const all = `${years.issuedAtMs.size} certificates by day ${last + 1}, ${renewals} renewals, at most ${most} a day`;
  console.log(`${all}, ${years.violations.length} violations, ${seconds} s (${Math.round(user / 1e6)} s of one core)`);
  if (years.violations.length > 0) process.exitCode = 1;
  if (!draws) return;
  for (const language of languages) {
    const file = `../docs/images/rate-limits${language === 'en' ? '' : `.${language}`}.svg`;
    await writeFile(fileURLToPath(new URL(file, import.meta.url)), plotOf(years, language));
  }
}
