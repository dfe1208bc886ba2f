import { optionFields } from '../src/config/registry/option-fields.ts';
import type { Registry } from '../src/config/registry/registry.ts';
import { spanText } from '../src/core/text/span.ts';
import type { DnsProviderDefinition } from '../src/define.ts';
import type { DnsProviderTraits } from '../src/ports/dns-provider.ts';
import { code, table } from './markdown.ts';

/** All DNS providers, with what is known of each service. */
export async function dnsProviderTable(registry: Registry): Promise<string> {
  const all = await Promise.all(Object.values(registry.dns).map((entry) => entry.load()));
  return `All of them take \`file:\` and \`env:\` for each option; those with an API also take \`credentials\`, a file, and \`endpoint\`.
What a service allows and how long it takes is built in; [\`certfleet dns test PROVIDER ZONE\`](cli.md#dns-test) measures it.
_Tested with_ says what the provider ran against: a real server, a client of others that made the same calls to the fake
of our tests, or only that fake, written from the documents.

${table(
  ['provider', 'options', 'service', 'since', 'tested with'],
  all.map((definition) => [
    `[${code(definition.id)}](#${definition.id})`,
    fields(definition),
    [...traitTexts(definition.traits)].join('; '),
    definition.since,
    definition.tested,
  ]),
)}`;
}

const fields = ({ options }: DnsProviderDefinition): string =>
  optionFields(options)
    .filter(
      ({ name, credentials, ofThisProcess }) => credentials === undefined && name !== 'endpoint' && !ofThisProcess,
    )
    .map(({ name }) => code(name))
    .join(', ');

function* traitTexts(traits: DnsProviderTraits): Generator<string> {
  const { writes, minTtl, maxConcurrent, perMinute, visibleMs, listLagMs, keepsLast } = traits;
  if (minTtl > 0) yield `TTL ${minTtl} s or more`;
  yield `visible within ${timeText(visibleMs ?? 120_000)}`;
  const atOnce = maxConcurrent === 1 ? 'one change at a time' : `${maxConcurrent} changes at once`;
  yield writes === 'value' ? atOnce : `${atOnce}, one for each ${writes}`;
  if (perMinute !== undefined) yield `${perMinute} a minute`;
  if (listLagMs !== undefined) yield `its list lags ${timeText(listLagMs)}`;
  if (keepsLast !== undefined) yield `keeps the last ${keepsLast} values, and removes none`;
}

const timeText = (ms: number): string => (ms < 120_000 ? `${ms / 1_000} s` : spanText(ms));
