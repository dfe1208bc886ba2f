import { knownIssuers } from '../config/issuers.ts';
import { type AdapterInfo, type AdapterKind, environmentName } from '../config/registry.ts';
import { fail } from '../core/errors.ts';
import { didYouMean } from '../core/nearest.ts';
import type { Run } from './context.ts';
import { formatTable } from './table.ts';

const titles: Readonly<Record<AdapterKind, string>> = {
  dns: 'DNS providers (--dns ID)',
  solver: 'Solvers (type of a solver in the configuration)',
  deployer: 'Deployers (type of a deployer in the configuration)',
  store: 'Stores (type of the store in the configuration)',
};

/** `certfleet providers [id]`: what the registry knows, without loading any of it. */
export const providers: Run = async (session) => {
  const registry = session.context.registry ?? (await import('../generated/registry.ts')).registry;
  const wanted = session.invocation.args[0];
  const width = session.context.stdout.columns ?? 120;
  const adapters = (Object.keys(titles) as AdapterKind[]).flatMap((kind) =>
    Object.values(registry[kind]).map(({ load: _load, ...info }) => ({ kind, info: info as AdapterInfo })),
  );
  const found = adapters.filter(({ info }) => wanted === undefined || info.id === wanted);
  if (found.length === 0)
    throw fail('usage/invalid', {
      what: `there is no adapter "${wanted}"${didYouMean(
        wanted ?? '',
        adapters.map(({ info }) => info.id),
      )}`,
    });
  for (const { kind, info } of found) session.printJson({ object: 'adapter', kind, ...info });
  if (wanted !== undefined) {
    for (const { kind, info } of found) session.print(optionsText(kind, info, width));
    return 0;
  }
  for (const kind of Object.keys(titles) as AdapterKind[]) {
    const rows = found.filter((adapter) => adapter.kind === kind).map(({ info }) => ['', info.id, info.title]);
    if (rows.length > 0) session.print(`${titles[kind]}${formatTable(['', '', ''], rows, width)}\n`);
  }
  for (const [name, issuer] of Object.entries(knownIssuers)) session.printJson({ object: 'issuer', name, ...issuer });
  const issuers = Object.entries(knownIssuers)
    .filter(([, issuer]) => !issuer.needsAccountBinding)
    .map(([name, issuer]) => ['', name, issuer.title]);
  session.print(`CAs (--issuer NAME, or any ACME directory URL)${formatTable(['', '', ''], issuers, width)}\n`);
  session.print('`certfleet providers ID` shows the options of one.');
  return 0;
};

function optionsText(kind: AdapterKind, info: AdapterInfo, width: number): string {
  const rows = info.options.map((option) => [
    `  ${option.name}`,
    option.required ? 'needed' : '',
    option.secret ? 'secret' : '',
    environmentName(info.id, option.name),
    option.title,
  ]);
  const head = ['  OPTION', '', '', 'OR FROM THE ENVIRONMENT', 'MEANING'];
  return `${info.id}: ${info.title} (${kind}, since ${info.since})\n${formatTable(head, rows, width)}\n`;
}
