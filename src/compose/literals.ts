import { createHmac, hash } from 'node:crypto';
import { inSolver, literalsOf } from '../config/adapters/literal-secrets.ts';
import { isFailure } from '../core/errors/errors.ts';
import { encodeDocument, type Lineage, type SettingsBefore } from '../core/lineage/lineage.ts';
import { canonical } from '../core/spec/same-spec.ts';
import type { StoredSpec } from '../core/spec/spec.ts';
import { toBase64url } from '../core/text/encoding.ts';
import type { Json } from '../core/text/json.ts';
import { present } from '../core/text/present.ts';
import { registry } from '../generated/registry.ts';
import { spreadable } from '../lib/spreadable.ts';
import type { Random } from '../ports/random.ts';
import type { Entry, Store } from '../ports/store.ts';
import { changeCredentials, readCredentials } from './credentials.ts';

/** A stored lineage has `kept:` and a name in place of each literal secret, whose value is in `credential/<name>`. */
const prefix = 'kept:';

/**
 * Returns a store whose lineages do not contain the literal secrets of certfleet.yaml. Secrets are taken out when a
 * lineage is written, and put back when it is read, so all other code sees the settings as they were declared. A
 * lineage that still has literals is read as it is, and loses them when it is next written.
 *
 * The name of a secret is an HMAC of its value under a secret of the store. Equal values have the same name, so the
 * thousand certificates of one solver need one read of one of their credentials, and the name reveals nothing.
 */
export function withoutLiterals(
  inner: Store,
  random: Random,
): Store & { hasLiterals(bytes: Uint8Array): Promise<boolean> } {
  const values = new Map<string, string>();
  const literals = new Map<string, Promise<readonly string[]>>();
  let naming: Promise<string> | undefined;

  async function nameOf(value: string, signal: AbortSignal): Promise<string> {
    naming ??= namingSecret(inner, random, signal);
    naming.catch(() => {
      naming = undefined;
    });
    const name = `${prefix}${createHmac('sha256', await naming)
      .update(value)
      .digest('base64url')
      .slice(0, 22)}`;
    values.set(name, value);
    return name;
  }

  /**
   * Returns the literals of a lineage. Many lineages have the same settings, so each settings value is searched once.
   */
  async function literalsIn({ spec, tombstones = [] }: Lineage): Promise<ReadonlySet<string>> {
    const { parts: solvers, targets, issuer } = spec;
    const presenters = tombstones.flatMap(({ by }) => (by ? [by.solver] : []));
    const parts = [
      once(literals, [solvers.map(({ solver }) => solver), targets, issuer], () => literalsOf(spec, registry)),
      ...presenters.map((one) => once(literals, one, () => inSolver(one, registry))),
    ];
    return new Set((await Promise.all(parts)).flat());
  }

  async function taken(name: string, bytes: Uint8Array, signal: AbortSignal): Promise<Uint8Array> {
    const lineage = decode(bytes);
    const found = lineage && (await literalsIn(lineage));
    if (!found || found.size === 0) return bytes;
    const names = new Map<string, string>();
    for (const value of found) names.set(value, await nameOf(value, signal));
    await keep(name, new Map([...names].map(([value, one]) => [one, value])), signal);
    return encodeDocument(replaced(lineage, (text) => names.get(text) ?? text));
  }

  /**
   * Stores secrets before the lineage that needs them. Keeps those that the stored lineage still names. Ignores what
   * this process stored before, because another process may have dropped it since.
   */
  async function keep(name: string, needed: ReadonlyMap<string, string>, signal: AbortSignal): Promise<void> {
    const { literals: kept = {} } = await readCredentials(inner, name, signal);
    if ([...needed].every(([one, value]) => kept[one] === value)) return;
    const before = (await inner.get({ kind: 'lineage', name }, signal))?.bytes;
    const text = before ? Buffer.from(before).toString() : '';
    await changeCredentials(
      inner,
      name,
      (document) => ({
        ...document,
        literals: {
          ...Object.fromEntries(Object.entries(document.literals ?? {}).filter(([one]) => text.includes(one))),
          ...Object.fromEntries(needed),
        },
      }),
      signal,
    );
  }

  async function given(entry: Entry, signal: AbortSignal): Promise<Entry> {
    if (!Buffer.from(entry.bytes.buffer, entry.bytes.byteOffset, entry.bytes.length).includes(prefix)) return entry;
    const lineage = decode(entry.bytes);
    if (!lineage) return entry;
    const unknown = new Set<string>();
    const look = (text: string) => {
      if (text.startsWith(prefix) && !values.has(text)) unknown.add(text);
      return values.get(text) ?? text;
    };
    const known = replaced(lineage, look);
    if (unknown.size === 0) return { ...entry, bytes: encodeDocument(known) };
    const { literals: kept = {} } = await readCredentials(inner, entry.key.name, signal);
    for (const [name, value] of Object.entries(kept)) values.set(name, value);
    return { ...entry, bytes: encodeDocument(replaced(lineage, look)) };
  }

  /** Returns a fault for a certificate whose credentials cannot be read, so that it does not hide the others. */
  const givenOrCorrupt = (entry: Entry, signal: AbortSignal): Promise<Entry> =>
    given(entry, signal).catch((error: unknown) => {
      if (!isFailure(error, 'store/corrupt')) throw error;
      return { ...entry, bytes: new Uint8Array(), corrupt: error };
    });

  return {
    ...spreadable(inner),
    /** Reports whether a lineage, as it is stored, still has literals. */
    async hasLiterals(bytes) {
      const lineage = decode(bytes);
      return lineage !== undefined && (await literalsIn(lineage)).size > 0;
    },
    async get(key, signal) {
      const entry = await inner.get(key, signal);
      return entry && key.kind === 'lineage' ? given(entry, signal) : entry;
    },
    async put(key, bytes, options) {
      return inner.put(key, key.kind === 'lineage' ? await taken(key.name, bytes, options.signal) : bytes, options);
    },
    async delete(key, options) {
      await inner.delete(key, options);
      if (key.kind !== 'lineage') return;
      // A first issue that failed leaves no secrets.
      await changeCredentials(inner, key.name, ({ literals: _gone, ...document }) => document, options.signal);
    },
    async *scan(kind, signal, isKnown) {
      for await (const page of inner.scan(kind, signal, isKnown))
        yield kind === 'lineage' ? await Promise.all(page.map((entry) => givenOrCorrupt(entry, signal))) : page;
    },
    async changes(kind, cursor, signal) {
      const found = await inner.changes(kind, cursor, signal);
      if (kind !== 'lineage') return found;
      const entries = found.entries.map((entry) => ('gone' in entry ? entry : givenOrCorrupt(entry, signal)));
      return { ...found, entries: await Promise.all(entries) };
    },
  };
}

/**
 * Makes a value once for each settings value. Settings that differ only in the order of keys are searched again, which
 * does no harm.
 */
function once<T>(made: Map<string, Promise<T>>, settings: unknown, make: () => Promise<T>): Promise<T> {
  const key = hash('sha256', JSON.stringify(settings), 'base64url');
  const known = made.get(key) ?? make();
  made.set(key, known);
  return known;
}

/** Decodes a lineage. An unreadable one is written and read as it is, and its user reports the problem. */
function decode(bytes: Uint8Array): Lineage | undefined {
  try {
    const lineage = JSON.parse(new TextDecoder().decode(bytes)) as Lineage;
    return Array.isArray(lineage.spec?.parts) && typeof lineage.deployments === 'object' ? lineage : undefined;
  } catch {
    return undefined;
  }
}

/** Returns a lineage with other texts in its settings, wherever it has settings. */
function replaced(lineage: Lineage, change: (text: string) => string): Lineage {
  const inSettings = (text: string): string => canonical(mapTexts(JSON.parse(text) as Json, change));
  return {
    ...lineage,
    spec: mapTexts(lineage.spec as unknown as Json, change) as unknown as Lineage['spec'],
    ...present({
      work: lineage.work?.before && { ...lineage.work, before: withTexts(lineage.work.before, change) },
      tombstones:
        lineage.tombstones &&
        (mapTexts(lineage.tombstones as unknown as Json, change) as unknown as Lineage['tombstones']),
    }),
    deployments: Object.fromEntries(
      Object.entries(lineage.deployments).map(([target, one]) => [
        target,
        one.settings === undefined ? one : { ...one, settings: inSettings(one.settings) },
      ]),
    ),
  } as Lineage;
}

const withTexts = (before: SettingsBefore, change: (text: string) => string): SettingsBefore => ({
  ...before,
  spec: mapTexts(before.spec as unknown as Json, change) as unknown as StoredSpec,
});

function mapTexts(value: Json, change: (text: string) => string): Json {
  if (typeof value === 'string') return change(value);
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map((one: Json) => mapTexts(one, change));
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, mapTexts(one as Json, change)]));
}

/** Returns the secret in `meta/literals`, generated once. */
async function namingSecret(store: Store, random: Random, signal: AbortSignal): Promise<string> {
  const key = { kind: 'meta', name: 'literals' } as const;
  for (;;) {
    const entry = await store.get(key, signal);
    if (entry) return (JSON.parse(new TextDecoder().decode(entry.bytes)) as { readonly secret: string }).secret;
    const secret = toBase64url(random.bytes(32));
    try {
      await store.put(key, encodeDocument({ schema: 1, secret }), { ifRevision: null, signal });
    } catch (error) {
      if (!isFailure(error, 'store/conflict')) throw error;
    }
  }
}
