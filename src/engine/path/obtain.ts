import { problemType } from '../../core/ca/problem-advice.ts';
import { isFailure } from '../../core/errors/errors.ts';
import type { Secret } from '../../core/errors/secret.ts';
import { namesToDrop } from '../../core/lineage/dropped-names.ts';
import type { Issued, Version } from '../../core/lineage/lineage.ts';
import { nextKey } from '../../core/lineage/next-key.ts';
import { madeCurrent } from '../../core/lineage/work/delivery.ts';
import { accountKeyChanged, accountLost, orderFailed } from '../../core/lineage/work/order.ts';
import { identifierSet } from '../../core/names/identifier.ts';
import { isStagingName } from '../../core/names/identifiers.ts';
import { accountKey, accountOf } from '../../core/spec/account.ts';
import { usualKeyType } from '../../core/spec/key-type.ts';
import { statelessParts } from '../../core/spec/stateless.ts';
import { datesToOrder } from '../../core/spec/validity.ts';
import { present } from '../../core/text/present.ts';
import type { VersionBundle, VersionRef } from '../../ports/deployer.ts';
import type { AccountIssuer, Order } from '../../ports/issuer.ts';
import { report } from '../engine.ts';
import { askDirectory, checkProfile } from '../looks/ca.ts';
import { noteIfDown } from '../run/ask.ts';
import { bundleOf, readBundle, readVersion } from '../run/bundles.ts';
import { announce, connectParts, type OrderRun, type Run } from '../run/run.ts';
import { together } from '../run/wait.ts';
import { countIssued } from '../run/within-limits.ts';
import type { Chain } from './downloaded-chain.ts';
import { dropNames, withoutDropped } from './dropped.ts';
import { beforeOrder } from './hooks.ts';
import {
  accountInsteadOf,
  accountWithNewKey,
  isForgotten,
  openAccount,
  openForProxies,
  reopenAccount,
} from './steps/account.ts';
import { validate } from './steps/challenges.ts';
import { cleanJournalled } from './steps/clean-up.ts';
import { finalize } from './steps/finalize.ts';
import { obtainKey, storeVersion } from './steps/keys-and-versions.ts';
import { checkMayOrder, giveUpDead, idIfIssued, keptOrder, placeOrder } from './steps/order.ts';
import { makeStayingReady, prepare } from './steps/prepare.ts';

/**
 * Does step 0 and steps 3 to 11, starting where an earlier run ended; only step 11 if the version is already stored.
 */
export async function obtain(run: Run): Promise<VersionBundle> {
  const { engine, job, signal } = run;
  const { issuer, profile, identifiers } = job.wanted;
  const version = versionOf(run);
  const stored = await readVersion(engine, version, signal);
  if (stored) {
    const { chainPem: _chain, ...facts } = stored;
    await makeCurrent(run, { id: version.id, ...facts });
    return readBundle(engine, version, signal);
  }
  // For the same names and profile, Boulder returns the open order again, which two lineages would then finalize with
  // two keys. This does not cover other processes: there, one of the two fails and tries again.
  const request = `${accountKey(accountOf(issuer.settings))} ${profile ?? ''} ${identifierSet(identifiers)}`;
  return engine.memory.orderTurns(request, () => obtainInTurn(run), signal);
}

async function obtainInTurn(run: Run): Promise<VersionBundle> {
  const ready = await openCa(run);
  await beforeOrder(run);
  try {
    return await makeVersion(ready);
  } catch (error) {
    const changed = await accountAfter(ready, error);
    if (!changed) throw error;
    // Only once. What was presented belongs to the earlier account or key.
    await startOver(ready, changed.transition);
    return makeVersion({ ...ready, account: changed.account });
  }
}

/** Removes what was presented. The run starts over. */
async function startOver(run: OrderRun, transition: typeof accountLost): Promise<void> {
  const { engine, job, holding, learned, parts, signal } = run;
  const left = await cleanJournalled(run, job.wanted);
  if (parts.some(({ solver }) => solver.stays)) learned.isPrepared = false;
  await holding.apply(transition({ left, now: engine.clock.now(), newId: idIfIssued(run) }), signal);
  delete learned.mayBeIssued;
}

/**
 * Returns the account to continue with and what became of the order, if the error concerned the account; otherwise
 * undefined.
 */
async function accountAfter(
  run: OrderRun,
  error: unknown,
): Promise<{ readonly account: AccountIssuer; readonly transition: typeof accountLost } | undefined> {
  const { account, job } = run;
  const customer = { ...run, wanted: job.wanted };
  // The CA has forgotten the account (a test CA was restarted).
  if (isForgotten(error)) return { account: await reopenAccount(customer, account), transition: accountLost };
  if (isFailure(error, 'acme/invalid-authorization')) return undefined;
  const type = problemType(error);
  // CAs respond like this to a signature made with the account's previous key.
  if (type !== 'unauthorized' && type !== 'malformed') return undefined;
  const renewed = await accountWithNewKey(customer, account);
  if (renewed) return { account: renewed, transition: accountKeyChanged };
  if (type !== 'unauthorized') return undefined;
  const instead = await accountInsteadOf(customer, account, job.newAccount ?? false);
  return instead && { account: instead, transition: accountLost };
}

/** Step 0: prepares the directory, the clock, the solvers and the account. */
async function openCa(run: Run): Promise<OrderRun> {
  const { engine, job, holding, signal } = run;
  const { wanted } = job;
  const issuer = engine.connect.issuer(wanted.issuer.name, wanted.issuer.settings);
  const downIf = (error: unknown) => {
    noteIfDown(engine, issuer, error);
    throw error;
  };
  const [parts, directory] = await together([
    connectParts(engine, wanted),
    askDirectory({ engine, issuer, signal }).catch(downIf),
  ]);
  if (holding.work.order?.url === undefined) {
    checkProfile(wanted, directory.profiles);
    datesToOrder(wanted.validity ?? {}, engine.clock.now());
  }
  if (wanted.profile !== undefined && Object.keys(directory.profiles).length === 0) {
    const message = `${wanted.issuer.name} lists no profiles, so it may ignore the profile ${wanted.profile}`;
    report(engine, { level: 'warn', event: 'log', certificate: wanted.name, message });
  }
  const customer = { engine, issuer, wanted, signal };
  const isStateless = statelessParts(wanted).length > 0;
  const opening = isStateless ? openForProxies(customer, holding.lineage) : openAccount(customer);
  const account = await opening.catch(downIf);
  return { ...run, issuer, account, directory, parts };
}

/**
 * Does steps 3 to 11 with an open account. Repeats them without the names that were refused, if the spec allows that.
 * An earlier run's order may fail because its answers were removed while the CA validated, which says nothing about the
 * names; in that case, it repeats them with a new order.
 */
async function makeVersion(run: OrderRun): Promise<VersionBundle> {
  for (;;) {
    const narrowed = withoutDropped(run);
    try {
      return await makeVersionOf(narrowed);
    } catch (error) {
      if (run.learned.isResumed && isFailure(error, 'acme/invalid-authorization')) {
        await startOver(run, orderFailed);
        continue;
      }
      const dropped = namesToDrop(error, narrowed.job.wanted);
      if (dropped.length === 0) throw error;
      await dropNames(run, dropped, await cleanJournalled(run, run.job.wanted));
    }
  }
}

async function makeVersionOf(run: OrderRun): Promise<VersionBundle> {
  const { engine, job, holding, issuer, learned, signal } = run;
  // The order of an earlier run, if its URL is known and the CA says that it is alive.
  const kept = await keptOrder(run);
  learned.isResumed = kept?.status === 'pending';
  if (!kept) {
    if (!learned.isPrepared) await prepare(run);
    learned.isPrepared = true;
  } else if (kept.status === 'pending') await makeStayingReady(run);
  const pace = engine.pass.cas(issuer.directoryUrl);
  const { keyPem, chain } = await pace.inTurn(() => obtainChain(run, kept), signal);
  const version = versionOf(run);
  const { facts, chainPem } = chain;
  const current = { facts, ...issuedWith(run, keyPem, chain) };
  await holding.check(signal);
  await together([storeVersion(engine, version, { ...current, chainPem }, signal), countIssued(run)]);
  const words = `${holding.lineage.current ? 'renewed' : 'issued'}, valid until ${facts.notAfter}`;
  const data = { serial: facts.serial, notAfter: facts.notAfter, version: version.id };
  report(engine, { level: 'info', event: 'certificate.issued', certificate: job.wanted.name, message: words, data });
  await makeCurrent(run, { id: version.id, ...current });
  return bundleOf(version, keyPem, chain);
}

const versionOf = ({ job, holding }: Run): VersionRef => ({ lineage: job.wanted.name, id: holding.work.version });

/** Returns what the new version was issued with. */
function issuedWith({ engine, job, issuer, account, holding }: OrderRun, keyPem: Secret, { issuers }: Chain): Issued {
  const { profile, validity, preferredChain } = job.wanted;
  const { dropped } = holding.work.order ?? {};
  const keyType = engine.pki.keyType(keyPem);
  return {
    directory: issuer.directoryUrl,
    accountUrl: account.accountUrl,
    chain: issuers,
    ...present({ dropped }),
    issuedAt: engine.clock.now().toISOString(),
    ...present({
      profile,
      validity,
      preferredChain,
      keyType: keyType === undefined || keyType === usualKeyType ? undefined : keyType,
    }),
  };
}

/** Does steps 4 to 10, with one order in flight at the CA. */
async function obtainChain(
  run: OrderRun,
  kept: Order | undefined,
): Promise<{ readonly keyPem: Secret; readonly chain: Chain }> {
  const { engine, job, holding, signal } = run;
  if (!kept) {
    checkMayOrder(run);
    await giveUpDead(run);
  }
  const keyPem = await obtainKey(engine, versionOf(run), nextKey(job.wanted, holding.lineage.current), signal);
  const order = kept ?? (await placeOrder(run));
  await validate(run, order); // steps 6 to 8; nothing to do for an order that is ready, processing or valid
  const chain = await finalize(run, order, keyPem);
  if (isStagingName(job.wanted.name)) await giveUpAuthorizations(run, order);
  return { keyPem, chain };
}

/** Gives up the authorizations after a test: if the CA reused one, the next test would not try the challenge again. */
async function giveUpAuthorizations({ account, signal }: OrderRun, order: Order): Promise<void> {
  const all = order.authorizationUrls.map((url) => account.deactivateAuthorization(url, signal));
  await Promise.allSettled(all); // the certificate exists in any case
  signal.throwIfAborted();
}

/** Step 11: makes a version the current one, and journals every target's intent in the same write. */
async function makeCurrent(run: Run, version: Version): Promise<void> {
  const { engine, job, holding, signal } = run;
  await holding.apply(madeCurrent({ wanted: job.wanted, version, now: engine.clock.now() }), signal);
  announce(run, 'deploy', 'the new version is now the current one');
}
