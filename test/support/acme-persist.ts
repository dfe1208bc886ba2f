import { createIssuer } from '../../src/acme/issuer.ts';
import { printPersistRecord } from '../../src/core/ca/persist-record.ts';
import { Secret } from '../../src/core/errors/secret.ts';
import { baseName } from '../../src/core/names/identifier.ts';
import { createWorld } from '../../src/lib/world.ts';

// One order whose names are validated by dns-persist-01, by the account of a store (its document in ACCOUNT). Prints the
// records, and what became of the authorizations. Run inside a network namespace:
// node --import tsx acme-persist.ts DIRECTORY CA-FILE NAME...

const { signal } = new AbortController();

async function order(directoryUrl: string, caFile: string, names: readonly string[]): Promise<void> {
  const { keyPem, url } = JSON.parse(process.env['ACCOUNT'] ?? '') as { readonly keyPem: string; readonly url: string };
  const log = { debug() {}, info() {}, warn() {} };
  const world = createWorld({ env: {}, log });
  const { clock, random } = world;
  const http = world.http({ caFile });
  const issuer = createIssuer({ name: 'ca', directoryUrl, http, clock, random, userAgent: 'certfleet-test', log });
  const account = issuer.as({ keyPem: new Secret(keyPem), url });
  const { authorizationUrls } = await account.newOrder(
    { identifiers: names.map((value) => ({ type: 'dns', value })) },
    signal,
  );
  const done: { readonly value: string; readonly status: string }[] = [];
  for (const authorizationUrl of authorizationUrls) {
    const { identifier, challenges } = await account.authorization(authorizationUrl, signal);
    const challenge = challenges.find(({ type }) => type === 'dns-persist-01');
    const { issuerDomainNames = [], accountUri } = challenge?.persist ?? {};
    if (!challenge || accountUri === undefined) throw new Error(`no usable challenge: ${JSON.stringify(challenges)}`);
    const wildcard = identifier.value.startsWith('*.');
    const value = printPersistRecord({ issuer: issuerDomainNames[0] ?? '', accountUri, wildcard });
    const host = `_validation-persist.${baseName(identifier)}.`;
    await fetch(process.env['DNS'] ?? '', { method: 'POST', body: JSON.stringify({ host, value }) });
    await account.accept(challenge.url, signal);
    let { status } = await account.authorization(authorizationUrl, signal);
    while (status === 'pending') {
      await clock.sleep(50, signal);
      ({ status } = await account.authorization(authorizationUrl, signal));
    }
    if (status !== 'valid') throw new Error(JSON.stringify(await account.authorization(authorizationUrl, signal)));
    done.push({ value, status });
  }
  process.stdout.write(JSON.stringify(done));
  await world.close();
}

const [, , directory = '', caFile = '', ...names] = process.argv;
void order(directory, caFile, names);
