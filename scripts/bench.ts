import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { unlessLocked } from '../test/support/pebble-lock.ts';
import { stopAll } from '../test/support/service.ts';
import { apiCalls } from './bench/api-calls.ts';
import { daemon } from './bench/daemon.ts';
import { distance } from './bench/distance.ts';
import { dns } from './bench/dns.ts';
import { encrypted } from './bench/encrypted.ts';
import { hundred } from './bench/hundred.ts';
import { importAll } from './bench/import.ts';
import { printMissed } from './bench/measure.ts';
import { one } from './bench/one.ts';
import { pages, pagesWatched } from './bench/pages.ts';
import { pgIdle } from './bench/pg-idle.ts';
import { pgKilled } from './bench/pg-killed.ts';
import { pgMany } from './bench/pg-many.ts';
import { pgOne } from './bench/pg-one.ts';
import { pgTokens } from './bench/pg-tokens.ts';
import { plan } from './bench/plan.ts';
import { polls } from './bench/polls.ts';
import { renew } from './bench/renew.ts';
import { renewImported } from './bench/renew-imported.ts';
import { renewals } from './bench/renewals.ts';
import { type Rig, startRig } from './bench/rig.ts';
import { script } from './bench/script.ts';
import { start } from './bench/start.ts';

// `npm run bench`: certfleet against its peers, in one run on one machine. A ratio is ours divided by the peer's; the
// absolute numbers beside it are this machine's alone.
//
//   npm run bench                             every row
//   npm run bench -- one dns                  some: start, one, hundred, script, encrypted, distance, dns, renew,
//                                             plan, import, imported, calls, run, polls, renewals,
//                                             pages, pages-watched,
//                                             pg-one, pg-many, pg-idle, pg-killed, pg-tokens
//   npm run bench -- --rounds 1 --scale 0.02  each measured once, on a fiftieth of the certificates: whether it runs

const rows: Readonly<Record<string, (rig: Rig) => Promise<void>>> = {
  start,
  one,
  hundred,
  script,
  encrypted,
  distance,
  dns,
  renew,
  plan,
  import: importAll,
  imported: renewImported,
  calls: apiCalls,
  run: daemon,
  polls,
  renewals,
  pages,
  'pages-watched': pagesWatched,
  'pg-one': pgOne,
  'pg-many': pgMany,
  'pg-idle': pgIdle,
  'pg-killed': pgKilled,
  'pg-tokens': pgTokens,
};

const { values, positionals: wanted } = parseArgs({
  allowPositionals: true,
  options: { rounds: { type: 'string' }, scale: { type: 'string', default: '1' } },
});
const scale = Number(values.scale);
const rounds = values.rounds === undefined ? undefined : Number(values.rounds);
const unknown = wanted.filter((name) => !(name in rows));

if (unknown.length > 0) {
  console.error(`bench: there is no row ${unknown.join(', ')}; the rows are ${Object.keys(rows).join(', ')}`);
  process.exitCode = 2;
} else if (!(scale > 0) || (rounds !== undefined && !(rounds >= 1))) {
  console.error('bench: --rounds and --scale take a number, at least 1 and above 0');
  process.exitCode = 2;
} else {
  console.log(`Node ${process.versions.node}, ${cpus().length} cores, ${cpus()[0]?.model ?? 'processor unknown'}\n`);
  for (const name of wanted.length > 0 ? wanted : Object.keys(rows)) {
    const measureRow = rows[name]!;
    // Each row has servers of its own, and all of it is measured again with new ones if Pebble has locked itself up.
    while ((await onNewServers(measureRow)) === 'locked')
      console.log(`        Pebble has locked itself up; once more: ${name}`);
  }
  printMissed();
}

async function onNewServers(measureRow: (rig: Rig) => Promise<void>): Promise<'measured' | 'locked'> {
  try {
    const rig = await startRig({
      rounds: (usual) => rounds ?? usual,
      // Two at least: what one more costs is the difference of two counts.
      count: (usual) => Math.max(2, Math.round(usual * scale)),
    });
    return await unlessLocked(
      rig.pebble,
      measureRow(rig).then(() => 'measured' as const),
    );
  } finally {
    await stopAll();
  }
}
