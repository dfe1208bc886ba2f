import { fail, isFailure, reasonOf } from '../../core/errors/errors.ts';
import { Secret } from '../../core/errors/secret.ts';
import type { Lineage } from '../../core/lineage/lineage.ts';
import { type Identifier, identifierKey } from '../../core/names/identifier.ts';
import { accountKey, accountOf } from '../../core/spec/account.ts';
import type { NamedIssuer, StoredSpec } from '../../core/spec/spec.ts';
import type { PartSpec } from '../../core/spec/spec-parts.ts';
import { type StatelessAnswer, statelessParts } from '../../core/spec/stateless.ts';
import type { SolverAccount } from '../../ports/solver.ts';
import type { Engine } from '../engine.ts';
import { newAccountDocument, readAccount, writeAccount } from '../ledger/account.ts';
import { lookAtPath } from '../looks/request-path.ts';
import type { AccountChange, Dependent } from './dependents.ts';

/** How long all proxies of a certificate may take to answer. */
const lookMs = 20_000;

/**
 * Returns what the proxies must answer for these certificates, for each account. Generates the key of an account that
 * does not exist yet; the CA gets it with the first order. While a rollover is in progress, the answers are for the new
 * key. Fails with `config/two-accounts` if one name has two accounts.
 */
export async function statelessAnswers(
  engine: Engine,
  specs: readonly StoredSpec[],
  signal: AbortSignal,
): Promise<readonly StatelessAnswer[]> {
  const answers = new Map<
    string,
    { key: Omit<StatelessAnswer, 'identifiers'>; identifiers: Map<string, Identifier> }
  >();
  const seen = new Map<string, { readonly account: string; readonly issuer: string }>();
  for (const { issuer, solver, identifiers } of specs.flatMap((spec) =>
    statelessParts(spec).map((part) => ({ ...part, issuer: spec.issuer })),
  )) {
    const account = accountKey(accountOf(issuer.settings));
    const answer = answers.get(account) ?? { key: await keyOf(engine, issuer, signal), identifiers: new Map() };
    answers.set(account, answer);
    for (const identifier of identifiers) {
      const name = identifierKey(identifier);
      const before = seen.get(name) ?? { account, issuer: issuer.name };
      if (before.account !== account)
        throw fail('config/two-accounts', { solver: solver.name, accounts: `${before.issuer}, ${issuer.name}` });
      seen.set(name, before);
      answer.identifiers.set(name, identifier);
    }
  }
  return [...answers.values()].map(({ key, identifiers }) => ({ ...key, identifiers: [...identifiers.values()] }));
}

async function keyOf(
  engine: Engine,
  { name, settings }: NamedIssuer,
  signal: AbortSignal,
): Promise<Omit<StatelessAnswer, 'identifiers'>> {
  for (;;) {
    const stored = await readAccount(engine, settings, signal);
    if (stored) {
      const { keyPem, url = '', rolloverAt, newKeys = [] } = stored.document;
      const next = rolloverAt === undefined ? undefined : newKeys[0];
      const issuer = engine.connect.issuer(name, settings);
      const { thumbprint } = issuer.as({ keyPem: new Secret(next ?? keyPem), url });
      return next === undefined ? { thumbprint } : { thumbprint, isNext: true };
    }
    // If another process is first, its key is read instead.
    const key = await engine.pki.newAccountKey(settings.accountKey);
    await writeAccount(engine, newAccountDocument(settings, key), undefined, signal);
  }
}

/** Returns the proxies whose configuration contains an account's thumbprint. */
export const proxiesOfAccount = (
  engine: Engine,
  lineages: readonly Lineage[],
  { what }: AccountChange,
): readonly Dependent[] =>
  lineages.flatMap(({ name, spec }) =>
    statelessParts(spec).map((part) => ({
      certificate: name,
      what:
        what === 'rollover'
          ? `${name}: the configuration of its proxies (certfleet stateless) has the thumbprint of the key; every proxy must answer with the new one before the CA gets it`
          : `${name}: the configuration of its proxies (certfleet stateless) has the thumbprint of the key; a new account needs another one`,
      async prepare({ url, newThumbprint: thumbprint }: AccountChange, signal: AbortSignal) {
        if (thumbprint !== undefined) await checkProxies(engine, part, { url, thumbprint }, signal);
      },
    })),
  );

/** Requires every proxy to answer with the new key. Fails with `account/proxies-behind`. */
async function checkProxies(
  engine: Engine,
  part: PartSpec,
  account: SolverAccount,
  signal: AbortSignal,
): Promise<void> {
  const solver = await engine.connect.solver(part);
  const { probe } = (await solver.prepare?.(part.name, part.identifiers, signal, account)) ?? {};
  const { frontends } = part.solver.settings;
  const deadline = engine.clock.deadline(lookMs, signal);
  try {
    await Promise.all(
      part.identifiers.map(async (identifier) => {
        await solver.preflight?.(identifier, deadline.signal, account);
        if (!probe) return;
        const look = { engine, settings: part.preflight, identifier, expected: probe, deadline };
        const { verdict, finding, isWrong = false } = await lookAtPath(look);
        // A machine that cannot reach its own public address can still reach the proxies.
        const isUnknown = verdict === 'cannot-tell' && !isWrong && Array.isArray(frontends) && frontends.length > 0;
        if (verdict !== 'pass' && !isUnknown) throw new Error(finding);
      }),
    );
  } catch (error) {
    signal.throwIfAborted();
    if (isFailure(error, 'bug/')) throw error;
    throw fail('account/proxies-behind', { name: part.name, finding: reasonOf(error) }, { cause: error });
  } finally {
    deadline.done();
  }
}
