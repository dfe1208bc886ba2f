import { optionFields } from '../../../config/registry/option-fields.ts';
import {
  type AdapterEntry,
  type AdapterKind,
  adapterEntry,
  isModulePath,
  type Registry,
} from '../../../config/registry/registry.ts';
import { type KnownIssuer, knownIssuers } from '../../../core/ca/known-issuers.ts';
import { fail } from '../../../core/errors/errors.ts';
import { didYouMean } from '../../../core/text/nearest.ts';
import type { Run, Session } from '../../context.ts';
import { wholePathOf } from '../../flags/values.ts';
import { issuerText } from '../../output/issuer-text.ts';
import { formatTable } from '../../output/table.ts';
import { fill, widthOf } from '../../output/text.ts';
import { registryOf } from '../../registry.ts';
import { adapterText, type Definition, describe } from './adapter-page.ts';

const titles: Readonly<Record<AdapterKind, string>> = {
  dns: 'DNS providers (--dns ID)',
  solver: 'Solvers (`type` of a solver in the configuration)',
  balancer: 'Load balancers (`type` of a balancer in the configuration)',
  deployer: 'Deployers (`type` of a deployer in the configuration)',
  notifier: 'Notifiers (`type` of an entry of `alarms` in the configuration)',
  store: 'Stores (`type` of the store in the configuration)',
};

/** `certfleet providers [word]`: lists adapters from the registry. Loads adapters only to show or to search them. */
export const providers: Run = async (session) => {
  const registry = await registryOf(session);
  const wanted = session.invocation.args[0];
  const all: Found = {
    adapters: (Object.keys(titles) as AdapterKind[]).flatMap((kind) =>
      Object.values<AdapterEntry<Definition>>(registry[kind]).map((entry) => ({ kind, entry })),
    ),
    issuers: Object.entries(knownIssuers),
  };
  const outside = wanted !== undefined && isModulePath(wanted) ? outsideProvider(wanted, registry, session) : [];
  const exact: Found = {
    adapters: [...all.adapters.filter(({ entry }) => entry.id === wanted), ...outside],
    issuers: all.issuers.filter(([name]) => name === wanted),
  };
  const found = wanted === undefined ? all : countOf(exact) > 0 ? exact : await search(wanted, all);
  if (wanted !== undefined && countOf(found) === 0) {
    const known = [...new Set([...all.adapters.map(({ entry }) => entry.id), ...Object.keys(knownIssuers)])];
    throw fail('usage/unknown-name', {
      kind: 'adapter or CA',
      name: wanted,
      nearest: didYouMean(wanted, known) || `; available: ${known.join(', ')}`,
      advice: '`certfleet providers` lists all of them.',
    });
  }
  const isPage = wanted !== undefined && (countOf(exact) > 0 || countOf(found) === 1);
  if (session.json || isPage) return showEach(found, session);
  list(found, session);
  session.print(
    '`certfleet providers ID` shows one of them with all its options; `certfleet providers WORD` searches.',
  );
  return 0;
};

/** Returns the DNS provider in a module that the operator supplies. */
function outsideProvider(path: string, registry: Registry, { context }: Session): Found['adapters'] {
  const entry = adapterEntry(registry, 'dns', wholePathOf('', path, context.env));
  return entry ? [{ kind: 'dns', entry }] : [];
}

interface Found {
  readonly adapters: readonly { readonly kind: AdapterKind; readonly entry: AdapterEntry<Definition> }[];
  readonly issuers: readonly (readonly [name: string, issuer: KnownIssuer])[];
}

const countOf = ({ adapters, issuers }: Found): number => adapters.length + issuers.length;

/**
 * Returns the adapters and issuers that have the word in their name, title or addresses, or among the names that other
 * clients use: `tencent`, `dns-dnspod`, `dns_cf` and `CF_Token`.
 */
async function search(word: string, { adapters, issuers }: Found): Promise<Found> {
  const wordsOf = (text: string) =>
    text
      .toLowerCase()
      .split(/[^a-z0-9\u0080-\uffff]+/)
      .filter((one) => one !== '');
  // Other clients write `dns-`, `dns_` or `certbot-dns-` before the name of a DNS provider.
  const wanted = [word, word.replace(/^(certbot[-_])?dns[-_]/i, '')]
    .map((one) => wordsOf(one).join(''))
    .filter((one) => one !== '');
  const has = (text: string) => {
    const words = wordsOf(text);
    return words.some((_, at) => wanted.some((one) => words.slice(at).join('').startsWith(one)));
  };
  const isFound = (texts: readonly (string | undefined)[]) => texts.some((text) => text !== undefined && has(text));
  const matches = await Promise.all(
    adapters.map(async ({ entry }) => {
      const { options, apiDocs, names: others = [] } = await entry.load();
      const names = optionFields(options).flatMap(({ aliases, credentials = [] }) => [...aliases, ...credentials]);
      return isFound([entry.id, entry.title, entry.homepage, apiDocs, ...others, ...names]);
    }),
  );
  return {
    adapters: adapters.filter((_, index) => matches[index]),
    issuers: issuers.filter(([name, issuer]) => isFound([name, issuer.title, issuer.directory])),
  };
}

async function showEach({ adapters, issuers }: Found, session: Session): Promise<number> {
  const width = widthOf(session.context.stdout);
  for (const { kind, entry } of adapters) {
    const described = await describe(kind, entry);
    session.printJson({ object: 'adapter', kind, ...described });
    session.printWhole(adapterText(kind, described, width));
  }
  for (const [name, issuer] of issuers) {
    session.printJson({ object: 'issuer', name, ...issuer });
    session.printWhole(issuerText(name, issuer, session.language));
  }
  return 0;
}

function list({ adapters, issuers }: Found, session: Session): void {
  const width = widthOf(session.context.stdout);
  const print = (title: string, rows: readonly (readonly [string, string])[]) => {
    if (rows.length === 0) return;
    const table = formatTable(
      ['', '', ''],
      rows.map((row) => ['', ...row]),
      width,
    );
    session.printWhole(`${fill(title, session.context.stdout.columns)}${table}\n`);
  };
  for (const kind of Object.keys(titles) as AdapterKind[])
    print(
      titles[kind],
      adapters.filter((adapter) => adapter.kind === kind).map(({ entry }) => [entry.id, entry.title]),
    );
  print(
    'CAs (--issuer NAME, or any ACME directory URL)',
    issuers.map(([name, issuer]) => [name, issuer.title]),
  );
}
