import { fail } from '../core/errors/errors.ts';
import { defineDnsProvider, z } from '../define.ts';
import type { DnsValue } from '../ports/dns-provider.ts';

/** The values of an order arrive within this time, and are shown together. */
const collectMs = 300;

/**
 * A person adds the records. The solver checks the name servers to see when that is done, so no key need be pressed.
 */
export default defineDnsProvider({
  id: 'manual',
  title: 'By hand: you add the records, at a terminal',
  since: '0.1.0',
  tested: 'a terminal and BIND 9.20',
  options: z.strictObject({}),
  notes: `For a domain whose DNS has no API: \`certfleet issue\` shows names and values, waits until every authoritative server
has them, and goes on by itself; afterwards it says which records you can remove. It takes at most 12 hours.

With \`challenge: dns-persist-01\`, where the CA offers it, the record stays, and \`certfleet renew\` runs unattended
([how](../guides/validate-once.md)). Otherwise it needs a terminal each time. So \`certfleet renew\` never gets such a certificate: from its renewal time on it says so,
with exit code 5, and \`certfleet status\` shows it. To renew without a person, let a CNAME record send
\`_acme-challenge\` to a zone that has an API ([how](../guides/wildcard-over-dns.md)).`,
  isPerson: true,
  onlyInFile: true,
  traits: {
    writes: 'value',
    // The person may enter any TTL. certfleet suggests 60 s.
    minTtl: 0,
    maxConcurrent: 256,
    // The person may have to log in somewhere, or write to a colleague.
    visibleMs: 12 * 60 * 60_000,
  },
  connect({ world }) {
    const { person, clock, log } = world;
    const needsPerson = (name: string) => fail('dns/needs-person', { name, until: '' });
    /** Calls `show` once with all values that arrive within a moment. */
    const together = (show: (values: readonly DnsValue[]) => void) => {
      let waiting: DnsValue[] = [];
      let shown: Promise<void> | undefined;
      return (value: DnsValue, signal: AbortSignal): Promise<void> => {
        waiting.push(value);
        shown ??= clock.sleep(collectMs, signal).finally(() => {
          const values = waiting;
          waiting = [];
          shown = undefined;
          if (!signal.aborted) show(values);
        });
        return shown;
      };
    };
    // Values that this process was asked for, but has not shown yet.
    const unshown = new Set<string>();
    const keyOf = ({ name, value }: DnsValue) => `${name} ${value}`;
    const toAdd = together((values) => {
      for (const value of values) unshown.delete(keyOf(value));
      person?.tell(addText(values));
    });
    const toRemove = together((values) => person?.tell(removeText(values)));

    return {
      kind: 'values',
      async check(zone) {
        if (!person) throw needsPerson(zone);
      },
      async append(value, signal) {
        signal.throwIfAborted();
        if (!person) throw needsPerson(value.name);
        unshown.add(keyOf(value));
        await toAdd(value, signal);
        return undefined;
      },
      async remove(value, _made, signal) {
        signal.throwIfAborted();
        if (person) {
          // A value that was never shown was never added. An earlier process may have shown any other value.
          if (!unshown.delete(keyOf(value))) await toRemove(value, signal);
        } else log.warn(`remove the TXT record ${value.name} with the value ${value.value}: it is no longer needed`);
      },
    };
  },
});

function addText(values: readonly DnsValue[]): string {
  const count = values.length === 1 ? 'this TXT record' : `these ${values.length} TXT records`;
  const shared = new Set(values.map(({ name }) => name)).size < values.length;
  return [
    `Add ${count} where the DNS of ${zonesOf(values)} is managed:`,
    '',
    ...recordLines(values),
    ...(values.some(({ stays }) => stays) ? ['It stays there, so renewals need no person.'] : []),
    ...(shared ? ['Records of the same name are separate records: add each, and keep the others.'] : []),
    'certfleet waits until every name server has them, and then goes on by itself.',
  ].join('\n');
}

const removeText = (values: readonly DnsValue[]): string =>
  [
    `You can now remove ${values.length === 1 ? 'this TXT record' : `these ${values.length} TXT records`}:`,
    '',
    ...recordLines(values),
  ].join('\n');

const zonesOf = (values: readonly DnsValue[]): string => [...new Set(values.map(({ zone }) => zone))].join(', ');

/** Returns each record on separate lines, for copying. */
const recordLines = (values: readonly DnsValue[]): readonly string[] =>
  values.flatMap(({ name, value }) => [`  name   ${name}`, `  value  ${value}`, '']);
