import { adaptersOf } from '../config/adapters/spec-adapters.ts';
import { captureFromEnvironment } from '../config/options/options.ts';
import type { Environment } from '../config/options/secret-references.ts';
import { isFailure } from '../core/errors/errors.ts';
import { decodeDocument, encodeDocument } from '../core/lineage/lineage.ts';
import { isStagingName, nameOfReal } from '../core/names/identifiers.ts';
import type { StoredSpec } from '../core/spec/spec.ts';
import { registry } from '../generated/registry.ts';
import { keepFromHooks } from '../lib/processes/hook-environment.ts';
import type { Entry, Store } from '../ports/store.ts';

/** `credential/<name>`: the secrets of a certificate that are neither in files nor in every environment. */
export interface CredentialDocument {
  readonly schema: 1;
  /** Variables that `issue` took from its environment. */
  readonly env: Environment;
  /** The values of the secrets that the lineage names as `kept:…` (`literals.ts`). */
  readonly literals?: Readonly<Record<string, string>>;
}

const none: CredentialDocument = { schema: 1, env: {} };
const isEmpty = ({ env, literals = {} }: CredentialDocument) => Object.keys({ ...env, ...literals }).length === 0;
const credentialKey = (lineage: string) => ({ kind: 'credential', name: lineage }) as const;

const decode = ({ location: file }: Store, { key, bytes }: Entry): CredentialDocument =>
  decodeDocument(bytes, { key: `credential/${key.name}`, file }, ['schema', 'env']);

export async function readCredentials(store: Store, lineage: string, signal: AbortSignal): Promise<CredentialDocument> {
  const entry = await store.get(credentialKey(lineage), signal);
  return entry ? decode(store, entry) : none;
}

/** Changes the credentials of a certificate with compare-and-set, and deletes a document that becomes empty. */
export async function changeCredentials(
  store: Store,
  lineage: string,
  change: (document: CredentialDocument) => CredentialDocument | Promise<CredentialDocument>,
  signal: AbortSignal,
): Promise<void> {
  const key = credentialKey(lineage);
  for (;;) {
    const before = await store.get(key, signal);
    const document = before ? decode(store, before) : none;
    const next = await change(document);
    const bytes = encodeDocument(next);
    if (before ? Buffer.from(before.bytes).equals(bytes) : isEmpty(next)) return;
    try {
      if (before && isEmpty(next)) await store.delete(key, { ifRevision: before.revision, signal });
      else await store.put(key, bytes, { ifRevision: before?.revision ?? null, signal });
      return;
    } catch (error) {
      if (!isFailure(error, 'store/conflict')) throw error; // another process changed it: try again
    }
  }
}

/** Returns the variables that an earlier `issue` of the lineage took from its environment. */
export async function keptCredentials(store: Store, lineage: string): Promise<Environment> {
  const { signal } = new AbortController();
  // A test certificate shares those of the real one.
  const real = isStagingName(lineage) ? await readCredentials(store, nameOfReal(lineage), signal) : none;
  const own = await readCredentials(store, lineage, signal);
  const env = { ...real.env, ...own.env };
  for (const name of Object.keys(env)) keepFromHooks(name);
  return env;
}

/**
 * Stores the variables that `issue` took from its environment, for `renew`. Also keeps stored ones that the spec still
 * needs, because a flag may change only one of the adapters.
 */
export const keepCredentials = (store: Store, env: Environment, spec: StoredSpec, signal: AbortSignal): Promise<void> =>
  changeCredentials(
    store,
    spec.name,
    async (document) => {
      const captured = await captureFor(spec, { ...document.env, ...env });
      return Object.keys(captured).length === 0 ? document : { ...document, env: captured };
    },
    signal,
  );

/** Returns the variables that the adapters of a spec take from an environment. */
async function captureFor(spec: StoredSpec, env: Environment): Promise<Readonly<Record<string, string>>> {
  const captured: Record<string, string> = {};
  for (const [definition, settings] of await adaptersOf(registry, spec))
    Object.assign(captured, captureFromEnvironment(definition, env, settings));
  return captured;
}
