import { Resolver } from 'node:dns/promises';
import { describe, it } from 'vitest';
import { optionFields } from '../../src/config/registry/option-fields.ts';
import { Secret } from '../../src/core/errors/secret.ts';
import type { DnsProviderDefinition } from '../../src/define.ts';
import { registry } from '../../src/generated/registry.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { createWorld } from '../../src/lib/world.ts';
import type { DnsProvider, DnsValue } from '../../src/ports/dns-provider.ts';
import { type DnsProviderBench, dnsProviderContract } from '../../src/testing/dns-provider-contract.ts';

// The contract against real services, `npm run test:live`: of each provider whose variable LIVE_<PROVIDER> is set, as
// {"zone": "example.com", "options": {"token": "…"}}. It changes _acme-challenge records and www of that zone, which
// must exist for tests only.

interface Live {
  readonly zone: string;
  /** A delegated zone below it in the same account. */
  readonly subZone?: string;
  readonly options: Readonly<Record<string, unknown>>;
}

const variable = (id: string): string => `LIVE_${id.replaceAll('-', '_').toUpperCase()}`;
const { signal } = new AbortController();

for (const { id, load } of Object.values(registry.dns)) {
  const given = process.env[variable(id)];
  if (given === undefined) continue;
  const definition = await load();
  describe(id, () => dnsProviderContract(it, () => liveBench(definition, JSON.parse(given) as Live)));
}

async function liveBench(definition: DnsProviderDefinition, live: Live): Promise<DnsProviderBench> {
  const lines: string[] = [];
  const log = (line: string) => void lines.push(line);
  const world = createWorld({ env: {}, log: { debug: log, info: log, warn: log } });
  const secretNames = optionFields(definition.options).flatMap(({ name, secret }) => (secret ? [name] : []));
  const secretsIn = (change: (secret: string) => string) =>
    secretNames.flatMap((name) =>
      typeof live.options[name] === 'string' ? [[name, change(live.options[name])] as const] : [],
    );
  const right = secretsIn((text) => text);
  const wrong = secretsIn((text) => text.replace(/[A-Za-z0-9]/g, turned));
  const touched = new Map<string, DnsValue>();

  const connect = (secrets: typeof right, more: object = {}): DnsProvider => {
    const opened = Object.fromEntries(secrets.map(([name, text]) => [name, new Secret(text)]));
    const options = definition.options.parse({ ...live.options, ...opened, ...more });
    const provider = definition.connect({ name: 'dns', world, options });
    if (provider.kind === 'sets') {
      const write: typeof provider.write = (zone, changes, over) => {
        for (const { name, add, ttl } of changes)
          for (const value of add) touched.set(`${name} ${value}`, { zone, name, value, ttl });
        return provider.write(zone, changes, over);
      };
      return { ...provider, write, ...(provider.read ? { read: provider.read.bind(provider) } : {}) };
    }
    const append: typeof provider.append = (value, over) => {
      touched.set(`${value.name} ${value.value}`, value);
      return provider.append(value, over);
    };
    return { ...provider, append };
  };

  /** One value, added or removed by the provider itself, under no lock: the checks are over, or have not begun. */
  async function change(value: DnsValue, isRemoval: boolean): Promise<void> {
    const provider = connect(right);
    if (provider.kind === 'values')
      return void (await (isRemoval ? provider.remove(value, undefined, signal) : provider.append(value, signal)));
    const before = (await provider.read?.(value.zone, [value.name], signal))?.get(value.name);
    const others = (before?.values ?? []).filter((one) => one !== value.value);
    const [add, remove] = isRemoval ? [[], [value.value]] : [[value.value], []];
    await provider.write(value.zone, [{ ...value, add, remove, before, after: [...others, ...add] }], signal);
  }

  return {
    traits: definition.traits,
    zone: live.zone,
    subZone: live.subZone,
    clock: systemClock,
    connect: () => connect(right),
    connectRefused: () => connect(wrong),
    connectUnreachable: () => connect(right, { endpoint: 'http://127.0.0.1:9' }),
    async values(zone) {
      const names = new Set([...touched.values()].flatMap((one) => (one.zone === zone ? [one.name] : [])));
      const found = await Promise.all([...names].map(async (name) => ({ name, values: await txtAt(zone, name) })));
      return found.flatMap(({ name, values }) => values.map((value) => ({ name, value })));
    },
    plant: async (value) => {
      touched.set(`${value.name} ${value.value}`, value);
      await change(value, false);
    },
    patienceMs: definition.traits.visibleMs ?? 120_000,
    secrets: [...right, ...wrong].map(([, text]) => text),
    logged: () => lines,
    async stop() {
      if (definition.traits.keepsLast === undefined) for (const value of touched.values()) await change(value, true);
      await world.close();
    },
  };
}

/** Another letter or digit, so that a wrong secret has the form of the right one. */
const turned = (one: string): string => {
  const all = [/[a-z]/, /[A-Z]/].find((kind) => kind.test(one)) ? 'abcdefghijklmnopqrstuvwxyz' : '0123456789';
  const next = all[(all.indexOf(one.toLowerCase()) + 7) % all.length]!;
  return one === one.toLowerCase() ? next : next.toUpperCase();
};

/** What the zone's servers have at a name; a value that only some of them have counts, too. */
async function txtAt(zone: string, name: string): Promise<readonly string[]> {
  const usual = new Resolver();
  const servers = await usual.resolveNs(zone);
  const values = new Set<string>();
  for (const server of servers) {
    const [address] = await usual.resolve4(server);
    const resolver = new Resolver();
    resolver.setServers([address!]);
    const absent = (error: { readonly code?: string }) => {
      if (error.code === 'ENOTFOUND' || error.code === 'ENODATA') return [];
      throw error;
    };
    for (const strings of await resolver.resolveTxt(name).catch(absent)) values.add(strings.join(''));
  }
  return [...values];
}
