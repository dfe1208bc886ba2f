import { Secret } from '../../core/errors/secret.ts';
import type { Lineage } from '../../core/lineage/lineage.ts';
import { accountKey, accountOf } from '../../core/spec/account.ts';
import type { IssuerSettings } from '../../core/spec/spec.ts';
import { present } from '../../core/text/present.ts';
import type { Engine } from '../engine.ts';
import { allAccounts, rootsOf, type StoredAccount } from '../ledger/account.ts';
import { readLineage } from '../run/stored-lineage.ts';

/** An account of the store, and its users. */
export interface KnownAccount {
  readonly stored: StoredAccount;
  readonly name: string;
  /** The names of the issuers that use it; may be empty. */
  readonly issuers: readonly string[];
  /** The settings for reaching its CA. */
  readonly settings: IssuerSettings;
  /** The lineages that use it. */
  readonly lineages: readonly Lineage[];
  readonly thumbprint: string;
}

/** An account without its keys, for people and programs. */
export interface AccountStatus {
  /** The name of its document, which identifies it. */
  readonly id: string;
  readonly name: string;
  readonly directory: string;
  readonly issuers: readonly string[];
  readonly state: 'open' | 'not open yet' | 'deactivated';
  readonly url?: string;
  readonly contacts: readonly string[];
  readonly keyType: string;
  readonly thumbprint: string;
  /** RFC 3339: when the rollover in progress began. `account rollover` continues it. */
  readonly rolloverAt?: string;
  readonly certificates: readonly string[];
  /** URLs of deactivated accounts that it replaced. */
  readonly replaced: readonly string[];
}

export function statusOf(engine: Engine, known: KnownAccount): AccountStatus {
  const { stored, name, issuers, lineages, thumbprint } = known;
  const { directory, url, contacts = [], rolloverAt, deactivatedAt, replaced = [], keyPem } = stored.document;
  const isOpen = url !== undefined;
  return {
    ...{ id: stored.key.name, name, directory, issuers, thumbprint, contacts },
    state: deactivatedAt !== undefined ? 'deactivated' : isOpen ? 'open' : 'not open yet',
    ...present({ url: isOpen ? url : undefined }),
    keyType: engine.pki.keyType(new Secret(keyPem)) ?? 'ed25519',
    ...present({ rolloverAt }),
    certificates: lineages.map((lineage) => lineage.name).sort(),
    replaced: replaced.map((one) => one.url),
  };
}

/**
 * Returns all accounts of the store.
 *
 * @param declared the issuers of the configuration
 */
export async function knownAccounts(
  engine: Engine,
  declared: Readonly<Record<string, IssuerSettings>>,
  signal: AbortSignal,
): Promise<readonly KnownAccount[]> {
  const users = new Map<string, { issuers: Set<string>; settings: IssuerSettings; lineages: Lineage[] }>();
  const used = (name: string, settings: IssuerSettings) => {
    const key = accountKey(accountOf(settings));
    const known = users.get(key) ?? { issuers: new Set(), settings, lineages: [] };
    users.set(key, known);
    known.issuers.add(name);
    return known;
  };
  for (const [name, settings] of Object.entries(declared)) used(name, settings);
  for await (const page of engine.store.scan('lineage', signal))
    for (const entry of page) {
      if (entry.corrupt) continue;
      const lineage = readLineage(engine, entry);
      const { spec, work } = lineage;
      for (const { issuer } of [spec, ...(work?.before ? [work.before.spec] : [])]) {
        const { lineages } = used(issuer.name, issuer.settings);
        if (lineages.at(-1) !== lineage) lineages.push(lineage);
      }
    }
  return (await allAccounts(engine, signal)).map((stored) => {
    const { directory, name, keyPem, url = '' } = stored.document;
    const settingsAlone = { directory, email: [], agreeToTerms: true, test: false, ...rootsOf(stored.document) };
    const nobody = { issuers: [], lineages: [], settings: settingsAlone };
    const { issuers, lineages, settings } = users.get(accountKey({ directory, name })) ?? nobody;
    const issuer = engine.connect.issuer([...issuers][0] ?? directory, settings);
    const { thumbprint } = issuer.as({ keyPem: new Secret(keyPem), url });
    return { stored, name, issuers: [...issuers], settings, lineages, thumbprint };
  });
}
