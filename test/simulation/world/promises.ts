import type { Lineage } from '../../../src/core/lineage/lineage.ts';
import { identifierSet } from '../../../src/core/names/identifier.ts';
import type { StoredSpec } from '../../../src/core/spec/spec.ts';
import type { Kind, Store } from '../../../src/ports/store.ts';
import { type Command, person } from './asks.ts';
import type { CaModel } from './ca-model/ca-model.ts';
import { publicKeyOf } from './ca-model/fake-pem.ts';
import { disown, type Outside } from './outside.ts';
import type { Process } from './process.ts';

/** What must hold after a person's commands. */
export interface Promises {
  /** The document of a lineage was written. */
  written(process: Process, before: Lineage | undefined, after: Lineage | undefined): void;
  finalizes(publicKey: string): void;
  /** A command has succeeded, and has told the person this. */
  done(command: Command, answer: string): void;
  /** What is there at the end that must not be. */
  left(): Promise<readonly string[]>;
}

/** Reports whether a certificate was revoked for good, so that nothing renews it. */
export const isStopped = ({ current }: Lineage): boolean =>
  current?.revoked !== undefined && !current.compromised && current.revoked.reason === 'cessationOfOperation';

export function createPromises(world: {
  readonly nowMs: () => number;
  readonly wanted: ReadonlyMap<string, StoredSpec>;
  readonly lineages: () => Iterable<Lineage>;
  /** By their directories. */
  readonly cas: () => ReadonlyMap<string, CaModel>;
  readonly shared: Store;
  readonly outside: Outside;
  readonly violate: (what: string) => void;
}): Promises {
  const { nowMs, wanted, violate, shared } = world;
  /** The public keys of versions whose key others know. */
  const compromised = new Set<string>();
  /** The serial numbers of the versions that are to be revoked. */
  const toRevoke = new Map<string, { readonly name: string; readonly version: string }>();
  const deleted = new Set<string>();

  function staysRolledBack(process: Process, before: Lineage, after: Lineage): void {
    const { rolledBack, current, previous, name } = before;
    if (!rolledBack || !current || after.current?.id === current.id || process.replica === person) return;
    if (Date.parse(rolledBack.until) <= process.clock.now().getTime()) return;
    if (after.current?.id === previous?.id) violate(`it undoes the rollback of ${name}`);
    const spec = wanted.get(name);
    const isOther =
      spec &&
      (identifierSet(spec.identifiers) !== identifierSet(current.facts.identifiers) ||
        spec.issuer.settings.directory !== current.directory);
    if (!current.revoked && !current.compromised && !before.revoking && !isOther)
      violate(`it replaces ${name} before ${rolledBack.until}, although it was rolled back`);
  }

  function notesRevocations({ name, current, previous, revoking = [] }: Lineage): void {
    for (const { version, reason } of revoking)
      for (const one of [current, previous]) {
        if (one?.id !== version) continue;
        toRevoke.set(one.facts.serial, { name, version });
        if (reason === 'keyCompromise') compromised.add(one.facts.spkiFingerprint);
      }
  }

  const all = <T>(of: (ca: CaModel) => Iterable<T>): readonly T[] =>
    [...world.cas().values()].flatMap((ca) => [...of(ca)]);
  const accountAt = (url: string) =>
    [...world.cas().values()].map(({ accounts }) => accounts.get(url)).find((one) => one !== undefined);

  async function namesOf(kind: Kind): Promise<readonly string[]> {
    const names: string[] = [];
    for await (const page of shared.scan(kind, new AbortController().signal))
      for (const { key } of page) names.push(key.name);
    return names;
  }

  return {
    written(process, before, after) {
      if (after) notesRevocations(after);
      for (const { sent = [] } of Object.values(after?.deployments ?? {}))
        for (const { receipt } of sent) world.outside.journalled.add(String(receipt));
      if (before && after) staysRolledBack(process, before, after);
      if (after) deleted.delete(after.name);
      else if (before) disown(world.outside, before.name);
    },
    finalizes(publicKey) {
      if (compromised.has(publicKey)) violate('it finalizes with a key that others know');
    },
    done({ asked }, answer) {
      if (asked.ask !== 'delete') return;
      if (!asked.isDeclared) deleted.add(asked.certificate);
      if (answer.includes('could not be removed')) disown(world.outside, asked.certificate, { isTold: true });
    },
    async left() {
      const found: string[] = [];
      const refused = new Set<string>();
      for (const { serial, notAfterMs, revoked, account } of all((ca) => ca.certificates())) {
        const { name, version } = toRevoke.get(serial) ?? {};
        if (name === undefined || revoked || notAfterMs <= nowMs() || deleted.has(name)) continue;
        // An account cannot revoke what another client's account got.
        if (accountAt(account.url)) found.push(`${serial} of ${name} is not revoked`);
        else refused.add(`${name}~${version}`);
      }
      for (const { name, current, revoking = [] } of world.lineages()) {
        const unfinished = revoking.filter(({ version }) => !refused.has(`${name}~${version}`));
        if (unfinished.length > 0) found.push(`${name} has an unfinished revocation`);
        if (wanted.has(name) && current?.compromised) found.push(`${name} has a key that others know`);
      }
      for (const kind of ['lineage', 'key', 'version', 'credential', 'history'] as const)
        for (const name of await namesOf(kind))
          if (deleted.has(kind === 'key' || kind === 'version' ? name.slice(0, name.lastIndexOf('~')) : name))
            found.push(`${kind}/${name} was left`);
      found.push(...(await wrongAccounts()));
      return found;
    },
  };

  /** Each account of the store works, and the CA has no other ones. */
  async function wrongAccounts(): Promise<readonly string[]> {
    const decoder = new TextDecoder();
    const found: string[] = [];
    let known = 0;
    for await (const page of shared.scan('account', new AbortController().signal))
      for (const { key, bytes } of page) {
        const {
          url,
          keyPem,
          newKeys = [],
        } = JSON.parse(decoder.decode(bytes)) as {
          readonly url?: string;
          readonly keyPem: string;
          readonly newKeys?: readonly string[];
        };
        known += 1;
        const there = url === undefined ? undefined : accountAt(url)?.publicKey;
        if (url !== undefined && ![keyPem, ...newKeys].some((one) => publicKeyOf(one) === there))
          found.push(`the store has no key of the account ${key.name}`);
      }
    const size = all((ca) => ca.accounts.keys()).length;
    if (size > known) found.push(`the CAs have ${size} accounts, and the store ${known}`);
    return found;
  }
}
