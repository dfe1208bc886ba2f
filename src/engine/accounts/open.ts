import { asFailure, fail } from '../../core/errors/errors.ts';
import type { NamedIssuer, StoredSpec } from '../../core/spec/spec.ts';
import type { Engine } from '../engine.ts';
import { readOrCreate, registerStored } from './register.ts';

export interface OpenedAccount {
  readonly url: string;
  /** The account was already open. */
  readonly wasOpen: boolean;
}

/**
 * Opens an issuer's account before it is needed. The first order with the issuer uses it. Fails with
 * `acme/account-deactivated` if it is closed.
 */
export async function openAccount(
  engine: Engine,
  { name, settings }: NamedIssuer,
  signal: AbortSignal,
): Promise<OpenedAccount> {
  const issuer = engine.connect.issuer(name, settings);
  const customer = { engine, issuer, wanted: withoutCertificate(name, settings), signal };
  const found = await readOrCreate(customer);
  const { url, deactivatedAt } = found.document;
  if (deactivatedAt !== undefined)
    throw asFailure(fail('acme/account-deactivated', { account: url ?? '', issuer: name }), 'NAME');
  if (url !== undefined) return { url, wasOpen: true };
  return { url: await registerStored(customer, found), wasOpen: false };
}

/** Certificates cannot have such a name, so it has no credentials. */
const nobody = '~account';

const withoutCertificate = (issuer: string, settings: NamedIssuer['settings']): StoredSpec => ({
  ...{ name: nobody, identifiers: [], parts: [], targets: [], endpoints: [] },
  issuer: { name: issuer, settings },
  preflight: { resolvers: [], http01Port: 80 },
});
