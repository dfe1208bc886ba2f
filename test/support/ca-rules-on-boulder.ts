import { createIssuer } from '../../src/acme/issuer.ts';
import { createWorld } from '../../src/lib/world.ts';
import { pki } from '../../src/x509/pki.ts';
import { tryRules } from './ca-rules.ts';

// Prints what a CA answers. Run inside a network namespace:
// node --import tsx ca-rules-on-boulder.ts DIRECTORY CA-FILE URL-THAT-SETS-TXT

async function main(directoryUrl: string, caFile: string, dns: string): Promise<void> {
  const log = { debug() {}, info() {}, warn() {} };
  const world = createWorld({ env: {}, log });
  const { clock, random } = world;
  const http = world.http({ caFile });
  const issuer = createIssuer({ name: 'sim', directoryUrl, http, clock, random, userAgent: 'certfleet-test', log });
  const said = await tryRules({
    ...{ issuer, pki },
    txt: async (host, value) => void (await fetch(dns, { method: 'POST', body: JSON.stringify({ host, value }) })),
    pause: () => clock.sleep(50, new AbortController().signal),
  });
  process.stdout.write(JSON.stringify(said));
  await world.close();
}

const [, , directoryUrl = '', caFile = '', dns = ''] = process.argv;
void main(directoryUrl, caFile, dns);
