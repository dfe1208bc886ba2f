import { Secret } from '../core/errors/secret.ts';
import { relativeName } from '../core/names/dns-name.ts';
import type { Clock } from '../ports/clock.ts';
import { type FakeDnsService, fakeZones } from '../testing/dns-api-bench.ts';
import type { FakeApi } from '../testing/fake-api.ts';

export interface Domain {
  readonly id: number;
  readonly name: string;
  /** The owner. Only `ours` may be changed. */
  readonly account: 'ours' | 'other';
  readonly isLocked?: boolean;
}

export interface DnspodRecord {
  readonly id: number;
  readonly domain: string;
  readonly host: string;
  readonly type: string;
  readonly value: string;
  readonly ttl: number;
  readonly addedMs: number;
  removedMs: number;
}

export interface TestDnspod extends FakeDnsService {
  /** Returns the present TXT records. */
  records(): readonly DnspodRecord[];
  /** The parameters of each call. */
  readonly sent: readonly { readonly action: string; readonly params: { readonly [name: string]: unknown } }[];
}

export const fewest = 600;
export const most = 604_800;

/** Creates the account's domains and records, which both APIs show. */
export function createAccount(clock: Clock) {
  let last = 16_894_000;
  const ours = (name: string): Domain => ({ id: ++last, name, account: 'ours' });
  const domains: Domain[] = [
    ...fakeZones.map(ours),
    { id: ++last, name: 'foreign.test', account: 'other' },
    { id: ++last, name: 'locked.test', account: 'ours', isLocked: true },
  ];
  const records: DnspodRecord[] = [];
  const state = { lagMs: 0 };
  const isThere = (one: DnspodRecord, atMs: number) => one.addedMs <= atMs && one.removedMs > atMs;
  return {
    state,
    domains,
    addDomains: (names: readonly string[]) => void domains.push(...names.map(ours)),
    domain: (name: unknown) => domains.find((one) => one.name === name),
    now: () => records.filter((one) => isThere(one, clock.monotonicMs())),
    listed: (domain: string) =>
      records.filter((one) => one.domain === domain && isThere(one, clock.monotonicMs() - state.lagMs)),
    add(domain: string, host: string, value: string, ttl: number, addedMs = clock.monotonicMs()): DnspodRecord {
      const added = { domain, host, type: 'TXT', value, ttl, id: ++last, addedMs, removedMs: Infinity };
      records.push(added);
      return added;
    },
    find: (domain: string, id: unknown) =>
      records.find(
        (one) => one.domain === domain && String(one.id) === String(id) && isThere(one, clock.monotonicMs()),
      ),
    remove: (record: DnspodRecord) => {
      record.removedMs = clock.monotonicMs();
    },
    has: (domain: string, host: string, type: string, value: string) =>
      records.some(
        (one) =>
          one.domain === domain &&
          one.host === host &&
          one.type === type &&
          one.value === value &&
          isThere(one, clock.monotonicMs()),
      ),
  };
}

type Account = ReturnType<typeof createAccount>;
export type Sent = TestDnspod['sent'][number];

export function testOf(account: Account, api: FakeApi, sent: readonly Sent[]): TestDnspod {
  const fqdn = ({ host, domain }: DnspodRecord) => (host === '@' ? domain : `${host}.${domain}`);
  return {
    api,
    sent,
    records: account.now,
    values: (zone) =>
      account
        .now()
        .filter(({ domain }) => domain === zone)
        .map((one) => ({ name: fqdn(one), value: one.value })),
    // The record counts as old enough to be in every list.
    plant: (value) =>
      void account.add(value.zone, relativeName(value.name, value.zone), value.value, fewest, -Infinity),
    addZones: account.addDomains,
    lag(ms) {
      account.state.lagMs = ms;
    },
  };
}

/** Returns options that are secrets. */
export const secrets = (texts: Readonly<{ [name: string]: string }>) =>
  Object.fromEntries(Object.entries(texts).map(([name, text]) => [name, new Secret(text)]));
