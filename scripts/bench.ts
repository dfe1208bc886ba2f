import { cpus } from 'node:os';
import { stopAll } from '../test/support/service.ts';
import { dns } from './bench/dns.ts';
import { hundred } from './bench/hundred.ts';
import { one } from './bench/one.ts';
import { renew } from './bench/renew.ts';
import { type Rig, startRig } from './bench/rig.ts';
import { start } from './bench/start.ts';

// `npm run bench`: certfleet against its peers, in one run on one machine. A ratio is ours divided by the peer's; the
// absolute numbers beside it are this machine's alone.
//
//   npm run bench                     every row
//   npm run bench -- one dns          some: one, hundred, dns, renew, start

const rows: Readonly<Record<string, (rig: Rig) => Promise<void>>> = { start, one, hundred, dns, renew };
const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !(name in rows));

if (unknown.length > 0) {
  console.error(`bench: there is no row ${unknown.join(', ')}; the rows are ${Object.keys(rows).join(', ')}`);
  process.exitCode = 2;
} else {
  console.log(`Node ${process.versions.node}, ${cpus().length} cores, ${cpus()[0]?.model ?? 'processor unknown'}\n`);
  try {
    const rig = await startRig();
    for (const name of wanted.length > 0 ? wanted : Object.keys(rows)) await rows[name]!(rig);
  } finally {
    await stopAll();
  }
}
