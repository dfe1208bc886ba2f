import { type ComposeContext, type Composed, compose } from './compose.ts';
import type { AccountKeyType } from './core/account-key.ts';
import { maxNameLength } from './core/document-limits.ts';
import { type CertfleetError, fail, isFailure, reasonOf } from './core/errors.ts';
import type { Adoption, Found, UndoneImport } from './core/found.ts';
import { aroundOrder } from './core/hooks.ts';
import { isStagingName, nameOfReal, stagingName } from './core/identifiers.ts';
import { encodeDocument, isOnlyOwing, type Lineage } from './core/lineage.ts';
import { didYouMean } from './core/nearest.ts';
import type { Outcome } from './core/outcome.ts';
import { isReplaced } from './core/revocation.ts';
import type { Secret } from './core/secret.ts';
import type { AdapterSettings, CertificateSpec, Hooks, Settings, StoredSpec } from './core/spec.ts';
import { partsOf } from './core/spec-parts.ts';
import { type StatelessAnswer, statelessType } from './core/stateless.ts';
import { describeLineage, type LineageStatus } from './core/status.ts';
import { storedSpecOf } from './core/stored-spec.ts';
import type { ChangedAccount } from './engine/account-change.ts';
import {
  type AccountStatus,
  type KnownAccount,
  knownAccounts,
  statusOf as statusOfAccount,
} from './engine/accounts.ts';
import type { AdoptOptions } from './engine/adopt.ts';
import type { TrialNews, TrialReport } from './engine/dns-trial.ts';
import { type Engine, report } from './engine/engine.ts';
import { type Forgotten, forget } from './engine/forget.ts';
import type { Job } from './engine/job.ts';
import { type CaHold, endOfCaHold, holdOf } from './engine/ledger/ca-hold.ts';
import type { CaaReport } from './engine/looks/caa-report.ts';
import type { DrawnPath } from './engine/looks/doctor.ts';
import { type LostObject, type LostRemoval, type LostReport, sweepLost } from './engine/lost.ts';
import { reconcile, reconcileAll } from './engine/reconcile.ts';
import type { NamedIssuer, RevocationWish, RevokedVersion } from './engine/revoke.ts';
import { lineageOf, readLineage } from './engine/stored-lineage.ts';
import { sweep } from './engine/sweep.ts';
import type { NotSwept } from './engine/swept.ts';
import type { VersionBundle } from './ports/deployer.ts';
import type { Directory } from './ports/issuer.ts';

export type {
  AccountStatus,
  CaaReport,
  ChangedAccount,
  Directory,
  DrawnPath,
  LineageStatus,
  LostObject,
  LostRemoval,
  LostReport,
  Outcome,
  TrialNews,
  TrialReport,
};

/**
 * The application interface that the command line, and later the API and the library, call. It works on the settings
 * with which it was opened. Each method makes one pass. A failure of one certificate is in its outcome, not thrown.
 */
export interface Fleet {
  /** The mark of this store's objects at balancers and clouds. */
  readonly owner: string;
  /**
   * Issues now, regardless of the back-off: the named certificates (declared, or issued by flags before), or every
   * declared one that is missing or due. `adHoc` is a certificate given by flags; its lineage keeps the whole spec.
   */
  issue(request: IssueRequest, signal: AbortSignal): Promise<readonly Outcome[]>;
  /** Makes one pass over all declared and stored certificates: issues, renews and deploys what is due. */
  renew(request: RenewRequest, signal: AbortSignal): Promise<readonly Outcome[]>;
  /**
   * Orders a test certificate for each certificate that `renew` would renew, at its CA's test directory, and stores none
   * that was not there before. Delivers nothing, and runs no deploy hook.
   */
  dryRun(request: Pick<RenewRequest, 'names' | 'hooks'>, signal: AbortSignal): Promise<readonly Outcome[]>;
  /** The stored settings of a certificate, and where they come from. Fails with `store/corrupt`. */
  stored(name: string, signal: AbortSignal): Promise<Pick<Lineage, 'spec' | 'origin'> | undefined>;
  /** Environment variables whose secrets are stored with a certificate, for a check of its settings. */
  keptEnvironment(name: string, signal: AbortSignal): Promise<Readonly<Record<string, string | undefined>>>;
  /** The status of the named certificates, or of all. Only reads the store. */
  status(names: readonly string[], signal: AbortSignal): Promise<readonly LineageStatus[]>;
  /**
   * Draws the CA's path to the answer for each identifier of the named certificates, declared or stored: which address,
   * rule, server. Changes nothing, but listens on the responder's port. Fails with `lineage/not-found`.
   */
  doctor(names: readonly string[], signal: AbortSignal): Promise<readonly DrawnPath[]>;
  /**
   * The CAA records that pin the names of certificates to their account and challenges, and what stands in the DNS. Fails
   * with `lineage/not-found`, `acme/…`.
   */
  caa(names: readonly string[], signal: AbortSignal): Promise<readonly CaaReport[]>;
  /**
   * What the proxies must answer for the named certificates, or for all, whose challenges they answer themselves. Fails
   * with `lineage/not-found`, `config/two-accounts`.
   */
  stateless(request: StatelessRequest, signal: AbortSignal): Promise<readonly StatelessAnswer[]>;
  /**
   * Removes a certificate from the store, with its versions, keys and credentials, after cleaning up its challenges.
   * Does not revoke anything or touch any target. Fails with `lineage/not-found`, `lineage/in-use`, `store/held`,
   * `solver/not-removed`.
   */
  delete(request: DeleteRequest, signal: AbortSignal): Promise<Deleted>;
  /**
   * Revokes a certificate at its CA. After `keyCompromise`, gets another one with a new key at once; the outcome of that
   * is in the answer. Fails with `lineage/not-found`, `lineage/not-issued`, `acme/…`.
   */
  revoke(request: RevokeRequest, signal: AbortSignal): Promise<RevokeAnswer>;
  /**
   * The current version with its private key. That it was exported is remembered in the lineage. Fails with
   * `lineage/not-found`, `lineage/no-certificate`.
   */
  export(request: ExportRequest, signal: AbortSignal): Promise<Exported>;
  /**
   * Goes back to the previous version, and delivers it. `renew` does not replace it at once. Fails with
   * `lineage/not-found`, `lineage/no-way-back`.
   */
  rollback(name: string, signal: AbortSignal): Promise<Outcome>;
  /**
   * Tries a DNS provider without a certificate: adds a value at a name that nothing else uses, sees it on every
   * authoritative server, and removes it. Whatever fails is in the report.
   */
  tryDns(request: DnsTrialRequest, signal: AbortSignal): Promise<TrialReport>;
  /**
   * Stores what another client has: accounts, keys, certificates, and how each is renewed. Orders nothing, and changes
   * nothing outside the store. What is already stored stays as it is.
   */
  adopt(found: Found, options: AdoptOptions, signal: AbortSignal): Promise<Adoption>;
  /**
   * Undoes `adopt` with the client's own folder as the target: the folder is as before, and no certificate is delivered
   * into it any more.
   */
  undoImport(root: string, signal: AbortSignal): Promise<UndoneImport>;
  /** What a CA says of itself, now. Needs no account. Fails with `acme/…`. */
  directory(issuer: NamedIssuer, signal: AbortSignal): Promise<Directory>;
  /** All accounts of the store. Only reads it. */
  accounts(signal: AbortSignal): Promise<readonly AccountStatus[]>;
  /** What else depends on an account: sentences for a person. */
  accountDependents(id: string, what: 'rollover' | 'deactivate', signal: AbortSignal): Promise<readonly string[]>;
  /** Changes an account at its CA. Fails with `account/not-found`, `account/not-open`, `store/held`, `acme/…`. */
  changeAccount(request: AccountRequest, signal: AbortSignal): Promise<ChangedAccount>;
  /** Resolves with true only the first time in this store: for advice that is given once. */
  once(what: string, signal: AbortSignal): Promise<boolean>;
  /**
   * Cleans up after dead processes: challenges, tokens, probes, solvers’ hooks, superseded uploads. Finishes their
   * deployments, as far as all nodes share the target or the process died on this machine.
   */
  sweep(signal: AbortSignal): Promise<SweepReport>;
  /**
   * Lists what carries certfleet's mark at the balancers and targets, and that no journal of this store knows. Removes
   * of it only what `remove` names.
   */
  sweepLost(remove: LostRemoval | undefined, signal: AbortSignal): Promise<LostReport>;
  /**
   * Closes ports, connections and child processes. First waits, for at most 30 s, while this process still answers
   * challenges for other processes of the store; not without a signal, or if it is aborted.
   */
  close(signal?: AbortSignal): Promise<void>;
}

export interface IssueRequest {
  readonly names: readonly string[];
  readonly adHoc?: StoredSpec;
  /** Issue even if the current certificate is not due. */
  readonly force: boolean;
  /** Issue `<name>~staging` from the issuer's test directory: always with a new order, never deployed. */
  readonly staging: boolean;
  /** Ask the CA even if a check proves that it will refuse. */
  readonly ignorePreflight?: boolean;
  /** Open a new account if the CA says that the current one is deactivated. */
  readonly newAccount?: boolean;
}

export interface RenewRequest {
  readonly names: readonly string[];
  readonly force: boolean;
  /** Deliver the current version to every target again, and order nothing. */
  readonly redeploy?: boolean;
  /** How long after this run the next one comes: what cannot wait for it is renewed now. */
  readonly nextRunMs?: number | undefined;
  /** The hooks of the certificates that this run renews, in place of their own. */
  readonly hooks?: Hooks | undefined;
}

export interface DnsTrialRequest {
  /** A solver `dns01`, declared or not. */
  readonly solver: { readonly name: string; readonly settings: AdapterSettings };
  /** A name in the zone; a random name below it gets the value. */
  readonly below: string;
  /** The full name for the value, if not a random one. */
  readonly record?: string | undefined;
  readonly told: (news: TrialNews) => void;
}

export interface RevokeRequest extends RevocationWish {
  /** The certificate, as `status` shows it, or one that need not be in the store. */
  readonly what: string | ForeignCertificate;
}

/** A certificate in a file. */
export interface ForeignCertificate {
  readonly certificatePem: string;
  /** Its key, which then signs the request. */
  readonly keyPem?: Secret;
  /** The CA, if the certificate is in no lineage. */
  readonly issuer: NamedIssuer;
}

export interface ExportRequest {
  readonly name: string;
  /** Where it goes, for the record. */
  readonly to: string;
  /** A PKCS#12 file with this password; without it, PEM. */
  readonly pkcs12?: { readonly password: Secret; readonly isLegacy: boolean };
}

export interface Exported {
  readonly bundle: VersionBundle;
  readonly pkcs12?: Uint8Array;
}

export interface RevokeAnswer {
  /** The lineage; undefined if the certificate is in none. */
  readonly certificate?: string;
  readonly revoked: readonly RevokedVersion[];
  /** Whether the version in use was revoked. */
  readonly isCurrent: boolean;
  /** Whether `renew` gets a certificate in its place. */
  readonly isReplaced: boolean;
  /** Of getting another one at once. */
  readonly outcomes: readonly Outcome[];
}
export type AccountRequest = { readonly id: string } & (
  | { readonly what: 'update'; readonly emails: readonly string[] }
  | { readonly what: 'rollover'; readonly keyType?: AccountKeyType }
  | { readonly what: 'deactivate' }
);

export interface StatelessRequest {
  /** Empty means all declared and stored certificates. */
  readonly names: readonly string[];
  /** A certificate that is given by flags, in place of the names. */
  readonly adHoc?: StoredSpec;
  /** For orders at the CA's test directory. */
  readonly staging: boolean;
}

export interface DeleteRequest {
  readonly name: string;
  /** Delete it even if a target has it, or if something cannot be cleaned up. */
  readonly force: boolean;
}

export interface Deleted extends Forgotten {
  /** The configuration still declares it, so `renew` will order it again. */
  readonly isDeclared: boolean;
}

export interface SweepReport {
  readonly cleaned: readonly string[];
  /** Interrupted deployments that were finished. */
  readonly delivered: readonly string[];
  readonly failed: readonly NotSwept[];
  /** Tombstones that will be checked later. */
  readonly waiting: number;
}

/** Opens a fleet. Fails with `store/unusable` before any CA is called. */
export async function openFleet(settings: Settings, context: ComposeContext): Promise<Fleet> {
  const composed = await compose(settings, context);
  const fleet = { settings, composed };
  return {
    owner: composed.engine.connect.owner,
    issue: (request, signal) => issueNamed(fleet, request, signal),
    renew: (request, signal) => renewAll(fleet, request, signal),
    dryRun: (request, signal) => tryAll(fleet, request, signal),
    stored: (name, signal) => readOne(fleet, name, signal),
    keptEnvironment: (name) => composed.keptEnvironment(name),
    status: (names, signal) => statusOf(fleet, names, signal),
    doctor: (names, signal) => examine(fleet, names, signal),
    caa: (names, signal) => caaOf(fleet, names, signal),
    stateless: (request, signal) => statelessOf(fleet, request, signal),
    delete: (request, signal) => deleteOne(fleet, request, signal),
    revoke: (request, signal) => revokeOne(fleet, request, signal),
    export: (request, signal) => exportOne(fleet, request, signal),
    rollback: (name, signal) => rollBackOne(fleet, name, signal),
    tryDns: (request, signal) => tryProvider(fleet, request, signal),
    adopt: async (found, options, signal) =>
      (await import('./engine/adopt.ts')).adopt(composed.engine, found, options, signal),
    undoImport: async (root, signal) =>
      (await import('./engine/undo-import.ts')).undoImport(composed.engine, root, signal),
    directory: ({ name, settings: asked }, signal) => composed.engine.connect.issuer(name, asked).directory(signal),
    accounts: async (signal) => (await accountsOf(fleet, signal)).map((one) => statusOfAccount(composed.engine, one)),
    accountDependents: async (id, what, signal) => {
      const { dependents } = await import('./engine/account-change.ts');
      const found = await dependents(composed.engine, await accountOfId(fleet, id, signal), what);
      return found.map((one) => `${one.certificate}: ${one.what}`);
    },
    changeAccount: (request, signal) => changeAccount(fleet, request, signal),
    once: (what, signal) => once(fleet, what, signal),
    sweep: (signal) => sweep(composed.engine, signal),
    sweepLost: (remove, signal) => sweepLost(composed.engine, composed.declared, remove, signal),
    close: (signal) => composed.close(signal),
  };
}

const accountsOf = ({ composed, settings }: OpenFleet, signal: AbortSignal): Promise<readonly KnownAccount[]> =>
  knownAccounts(composed.engine, settings.issuers, signal);

async function accountOfId(fleet: OpenFleet, id: string, signal: AbortSignal): Promise<KnownAccount> {
  const found = (await accountsOf(fleet, signal)).find(({ stored }) => stored.key.name === id);
  if (!found) throw fail('account/not-found', { which: ` ${id}`, advice: 'See `certfleet account list`.' });
  return found;
}

async function changeAccount(fleet: OpenFleet, request: AccountRequest, signal: AbortSignal): Promise<ChangedAccount> {
  const { engine } = fleet.composed;
  const account = await accountOfId(fleet, request.id, signal);
  const { updateContacts, rollover, deactivate } = await import('./engine/account-change.ts');
  if (request.what === 'update') return updateContacts(engine, account, request.emails, signal);
  if (request.what === 'rollover') return rollover(engine, account, request.keyType, signal);
  return deactivate(engine, account, signal);
}

async function once({ composed }: OpenFleet, what: string, signal: AbortSignal): Promise<boolean> {
  const key = { kind: 'meta', name: `once~${what}` } as const;
  try {
    await composed.engine.store.put(key, encodeDocument({ schema: 1 }), { ifRevision: null, signal });
    return true;
  } catch (error) {
    if (!isFailure(error, 'store/conflict')) throw error;
    return false;
  }
}

interface OpenFleet {
  readonly settings: Settings;
  readonly composed: Composed;
}

type Origin = Lineage['origin'];
interface Wanted {
  readonly wanted: StoredSpec;
  readonly origin: Origin;
  readonly isStored?: true;
}

const declared = (settings: Settings): readonly Wanted[] =>
  settings.certificates.map((spec) => ({ wanted: storedSpecOf(settings, spec), origin: 'configuration' }));

/** As with certbot, a test runs the hooks around the order, which may free a port for it, and no deploy hook. */
function testHooks(hooks: Hooks): Pick<CertificateSpec, 'hooks'> {
  const around = aroundOrder(hooks);
  return around.pre === undefined && around.post === undefined ? {} : { hooks: around };
}

/** The test certificate beside the real one, which is never deployed. */
function forStaging({ wanted, origin }: Wanted, hooks?: Hooks): Wanted {
  const { issuer, spec } = wanted;
  const directory = issuer.testDirectory ?? (issuer.test ? issuer.directory : undefined);
  if (directory === undefined) throw fail('config/no-test-directory', { issuer: spec.issuer });
  // Messages about the test must not look as if the real CA had been asked.
  const testIssuer = issuer.testDirectory === undefined ? spec.issuer : `${spec.issuer} (staging)`;
  return {
    origin,
    wanted: {
      ...wanted,
      spec: {
        ...spec,
        name: stagingName(spec.name),
        issuer: testIssuer,
        deploy: [],
        endpoints: [],
        ...testHooks({ ...spec.hooks, ...hooks }),
      },
      issuer: { ...issuer, directory, test: true },
      deployers: {},
    },
  };
}

async function issueNamed(fleet: OpenFleet, request: IssueRequest, signal: AbortSignal): Promise<readonly Outcome[]> {
  const all = request.adHoc
    ? [{ wanted: request.adHoc, origin: 'command-line' } as const]
    : await declaredOrNamed(fleet, request.names, signal);
  const tried = request.staging ? all.map((one) => forStaging(one)) : all;
  // A test must always order, because "not due" would prove nothing.
  const force = request.force || request.staging;
  const { ignorePreflight = false, newAccount = false } = request;
  const jobs = tried.map(({ wanted, origin }): Job => {
    const { unattended } = fleet.composed;
    const job = { wanted, origin, force, insists: ignorePreflight, newAccount, obeyBackoff: false, unattended };
    if (origin === 'configuration') return job;
    // Only `issue` replaces stored credentials; `renew` may run in any environment.
    return { ...job, keepCredentials: (s) => fleet.composed.keepCredentials(wanted, s) };
  });
  return reconcile(fleet.composed.engine, jobs, signal);
}

async function renewAll(fleet: OpenFleet, request: RenewRequest, signal: AbortSignal): Promise<readonly Outcome[]> {
  const { engine } = fleet.composed;
  const { names, force, redeploy = false, nextRunMs, hooks } = request;
  const obeyBackoff = !force && !redeploy;
  // Field by field, because a spread costs as much as the rest of the plan for a certificate that is not due.
  const jobOf = ({ wanted, origin, isStored }: Wanted): Job =>
    isStored
      ? { wanted, origin, isStored, force, redeploy, obeyBackoff, nextRunMs, hooks, unattended: true }
      : { wanted, origin, force, redeploy, obeyBackoff, nextRunMs, hooks, unattended: true };
  const ofFlags = (stored: Lineage): Job | undefined => {
    if (names.length > 0) return undefined;
    const one = madeOfFlags(stored);
    if (!one) reportUndeclared(engine, stored);
    return one && jobOf(one);
  };
  const jobs = (await declaredOrNamed(fleet, names, signal)).map(jobOf);
  return reconcileAll(engine, { jobs, jobOf: ofFlags }, signal);
}

async function tryAll(
  fleet: OpenFleet,
  { names, hooks }: Pick<RenewRequest, 'names' | 'hooks'>,
  signal: AbortSignal,
): Promise<readonly Outcome[]> {
  const { engine } = fleet.composed;
  const stored = await readAll(fleet, signal);
  const all = names.length > 0 ? await declaredOrNamed(fleet, names, signal) : allWanted(fleet, stored);
  const canTry = ({ wanted: { issuer } }: Wanted) => issuer.test || issuer.testDirectory !== undefined;
  const tested = all.filter(canTry).map((one) => forStaging(one, hooks));
  // As `renew` would do it, without a person; and always with an order, because "not due" would prove nothing.
  const jobs = tested.map(({ wanted, origin }): Job => {
    return { wanted, origin, force: true, obeyBackoff: false, unattended: true };
  });
  try {
    const outcomes = (await reconcile(engine, jobs, signal)).map(
      (outcome): Outcome => ({ ...outcome, certificate: nameOfReal(outcome.certificate) }),
    );
    const untested = all
      .filter((one) => !canTry(one))
      .map(
        ({ wanted: { spec } }): Outcome => ({
          ...{ certificate: spec.name, result: 'unchanged' },
          message: `not tried, because ${spec.issuer} has no test directory`,
        }),
      );
    return [...outcomes, ...untested];
  } finally {
    // After a signal, too: a test that failed would be shown by `status` for ever.
    for (const { wanted } of tested) if (!stored.has(wanted.spec.name)) await forgetTest(engine, wanted.spec.name);
  }
}

/** Deletes a test certificate. What its challenges left is journalled, so a sweep removes it. */
async function forgetTest(engine: Engine, name: string): Promise<void> {
  const deadline = engine.clock.deadline(engine.limits.shutdownBudgetMs);
  try {
    await forget(engine, name, { force: false }, deadline.signal);
  } catch (error) {
    const message = `the test certificate stays in the store: ${reasonOf(error)}`;
    report(engine, { level: 'warn', event: 'log', certificate: name, message });
  } finally {
    deadline.done();
  }
}

/** All declared certificates, or the named ones, which may also be stored ones that were issued by flags. */
async function declaredOrNamed(
  fleet: OpenFleet,
  names: readonly string[],
  signal: AbortSignal,
): Promise<readonly Wanted[]> {
  const all = declared(fleet.settings);
  if (names.length === 0) return all;
  const byName = new Map(all.map((one) => [nameOfWanted(one), one]));
  const found: Wanted[] = [];
  for (const name of new Set(names)) found.push(byName.get(name) ?? (await storedOfFlags(fleet, name, signal)));
  return found;
}

async function storedOfFlags(fleet: OpenFleet, name: string, signal: AbortSignal): Promise<Wanted> {
  const lineage = await readOne(fleet, name, signal);
  if (!lineage) {
    const others = allWanted(fleet, await readAll(fleet, signal)).map(nameOfWanted);
    throw fail('lineage/not-found', { name, nearest: didYouMean(name, others) });
  }
  const one = madeOfFlags(lineage);
  if (!one) throw fail('lineage/not-renewed', { name, ...notRenewed(name) });
  return one;
}

/** Also a stored one that is renewed no more: its name may still lead somewhere. */
async function examine(fleet: OpenFleet, names: readonly string[], signal: AbortSignal): Promise<readonly DrawnPath[]> {
  const { drawPaths } = await import('./engine/looks/doctor.ts');
  const drawn: DrawnPath[] = [];
  for (const spec of await specsOf(fleet, names, signal))
    drawn.push(...(await drawPaths(fleet.composed.engine, spec, signal)));
  return drawn;
}

async function caaOf(fleet: OpenFleet, names: readonly string[], signal: AbortSignal): Promise<readonly CaaReport[]> {
  const { reportCaa } = await import('./engine/looks/caa-report.ts');
  const reports: CaaReport[] = [];
  for (const spec of await specsOf(fleet, names, signal))
    reports.push(await reportCaa(fleet.composed.engine, spec, signal));
  return reports;
}

async function statelessOf(
  fleet: OpenFleet,
  { names, adHoc, staging }: StatelessRequest,
  signal: AbortSignal,
): Promise<readonly StatelessAnswer[]> {
  const found = adHoc
    ? [adHoc]
    : names.length > 0
      ? await specsOf(fleet, names, signal)
      : allWanted(fleet, await readAll(fleet, signal)).map(({ wanted }) => wanted);
  const users = found.filter((spec) => partsOf(spec).some(({ solver }) => solver.type === statelessType));
  const specs = staging ? users.map((wanted) => forStaging({ wanted, origin: 'command-line' }).wanted) : users;
  const { statelessAnswers } = await import('./engine/stateless.ts');
  return statelessAnswers(fleet.composed.engine, specs, signal);
}

/** The specs of named certificates, as declared or else as stored. */
async function specsOf(
  fleet: OpenFleet,
  names: readonly string[],
  signal: AbortSignal,
): Promise<readonly StoredSpec[]> {
  const byName = new Map(declared(fleet.settings).map((one) => [nameOfWanted(one), one.wanted]));
  const specs: StoredSpec[] = [];
  for (const name of new Set(names)) {
    const spec = byName.get(name) ?? (await readOne(fleet, name, signal))?.spec;
    if (!spec) {
      const others = [...byName.keys(), ...(await readAll(fleet, signal)).keys()];
      throw fail('lineage/not-found', { name, nearest: didYouMean(name, others) });
    }
    specs.push(spec);
  }
  return specs;
}

async function tryProvider(
  { settings, composed }: OpenFleet,
  { solver, ...request }: DnsTrialRequest,
  signal: AbortSignal,
): Promise<TrialReport> {
  const { tryDns } = await import('./engine/dns-trial.ts');
  const spec: StoredSpec = {
    spec: { name: solver.name, identifiers: [], issuer: '', solver: solver.name, deploy: [], endpoints: [] },
    issuer: { directory: '', email: [], agreeToTerms: false, test: false },
    solver: solver.settings,
    deployers: {},
    preflight: settings.preflight,
  };
  return tryDns(composed.engine, await composed.dns01(spec), { ...request, spec }, signal);
}

/** A stored lineage that is renewed without being declared, because it was issued by flags. */
function madeOfFlags(lineage: Lineage): Wanted | undefined {
  const { name, origin, spec } = lineage;
  if (origin !== 'command-line' || isStagingName(name) || isOnlyOwing(lineage)) return undefined;
  return { wanted: spec, origin, isStored: true };
}

/** All declared certificates, and all that were issued by flags and are not declared. */
function allWanted(fleet: OpenFleet, stored: Stored): readonly Wanted[] {
  const wanted = declared(fleet.settings);
  const names = new Set(wanted.map(nameOfWanted));
  const others = [...stored].flatMap(([name, found]) => {
    const one = found instanceof Error || names.has(name) ? undefined : madeOfFlags(found);
    return one ? [one] : [];
  });
  return [...wanted, ...others];
}

const nameOfWanted = ({ wanted }: Wanted): string => wanted.spec.name;

/** Why a stored lineage is never renewed, and what to do about it. */
const notRenewed = (name: string): { readonly why: string; readonly advice: string } =>
  isStagingName(name)
    ? {
        why: 'only as a test certificate, which is not renewed',
        advice: 'For a new test, run `certfleet issue` with --staging again.',
      }
    : {
        why: 'no longer declared, so it is not renewed',
        advice: 'Declare it again, or name the configuration that declares it with --config.',
      };

/** Warns that a certificate is no longer declared. `renew` does this, because people look at its output. */
function reportUndeclared(engine: Engine, { name, current }: Lineage): void {
  if (!current || isStagingName(name)) return;
  const message = `no longer declared, so it is not renewed; valid until ${current.facts.notAfter}`;
  report(engine, { level: 'warn', event: 'log', certificate: name, message });
}

function pick<T>(all: readonly T[], names: readonly string[], nameOf: (one: T) => string): readonly T[] {
  if (names.length === 0) return all;
  return names.map((name) => {
    const found = all.find((one) => nameOf(one) === name);
    if (!found) throw fail('lineage/not-found', { name, nearest: didYouMean(name, all.map(nameOf)) });
    return found;
  });
}

async function readOne({ composed }: OpenFleet, name: string, signal: AbortSignal): Promise<Lineage | undefined> {
  if (name === '' || name.length > maxNameLength) return undefined; // no store accepts such a name
  const entry = await composed.engine.store.get({ kind: 'lineage', name }, signal);
  const lineage = entry && readLineage(composed.engine, entry);
  return lineage && !isOnlyOwing(lineage) ? lineage : undefined;
}

async function deleteOne(fleet: OpenFleet, { name, force }: DeleteRequest, signal: AbortSignal): Promise<Deleted> {
  const isDeclared = fleet.settings.certificates.some((certificate) => certificate.name === name);
  const forgotten = await forget(fleet.composed.engine, name, { force }, signal);
  if (forgotten) return { ...forgotten, isDeclared };
  throw await notThere(fleet, name, signal);
}

async function revokeOne(fleet: OpenFleet, request: RevokeRequest, signal: AbortSignal): Promise<RevokeAnswer> {
  const { engine } = fleet.composed;
  const { what, reason } = request;
  const { revokeAt, revokeVersions } = await import('./engine/revoke.ts');
  const meant = typeof what === 'string' ? { name: what, which: undefined } : await findVersion(fleet, what, signal);
  if (!meant) {
    const foreign = what as ForeignCertificate;
    const { serial, notAfter } = engine.pki.readChain(foreign.certificatePem).facts;
    const when = await revokeAt(engine, { ...foreign, reason }, signal);
    return { revoked: [{ serial, notAfter, when }], isCurrent: false, isReplaced: false, outcomes: [] };
  }
  const { name } = meant;
  const keyPem = typeof what === 'string' ? undefined : what.keyPem;
  const by = keyPem ? 'certificate-key' : request.by;
  const revoked = await revokeVersions(engine, meant, { reason, by }, signal);
  if (!revoked) throw await notThere(fleet, name, signal);
  const lineage = await readOne(fleet, name, signal);
  const isCurrent = lineage?.current?.revoked !== undefined;
  const [wanted] = allWanted(fleet, new Map(lineage ? [[name, lineage]] : [])).filter(
    (one) => nameOfWanted(one) === name,
  );
  const isToReplace = wanted !== undefined && isCurrent && isReplaced(reason);
  const now = isToReplace && reason === 'keyCompromise';
  const outcomes = now ? await issueNamed(fleet, { names: [name], force: false, staging: false }, signal) : [];
  return { certificate: name, revoked, isCurrent, isReplaced: isToReplace, outcomes };
}

async function exportOne(fleet: OpenFleet, request: ExportRequest, signal: AbortSignal): Promise<Exported> {
  const { engine } = fleet.composed;
  const { name, to, pkcs12 } = request;
  if (!(await readOne(fleet, name, signal))) throw await notThere(fleet, name, signal);
  const { exportCurrent } = await import('./engine/export.ts');
  const bundle = await exportCurrent(engine, { name, to, format: pkcs12 ? 'pkcs12' : 'pem' }, signal);
  if (!bundle) throw fail('lineage/no-certificate', { name });
  if (!pkcs12) return { bundle };
  const { keyPem, certPem, chainPem } = bundle;
  const content = { friendlyName: name, keyPem, certificates: [certPem, chainPem], ...pkcs12 };
  return { bundle, pkcs12: await engine.pki.pkcs12(content) };
}

async function rollBackOne(fleet: OpenFleet, name: string, signal: AbortSignal): Promise<Outcome> {
  const { engine } = fleet.composed;
  const lineage = await readOne(fleet, name, signal);
  if (!lineage) throw await notThere(fleet, name, signal);
  const all = allWanted(fleet, new Map([[name, lineage]]));
  const found = all.find((one) => nameOfWanted(one) === name) ?? { wanted: lineage.spec, origin: lineage.origin };
  const { rollBack } = await import('./engine/rollback.ts');
  if (!(await rollBack(engine, { name, wanted: found.wanted }, signal))) throw await notThere(fleet, name, signal);
  const job: Job = { ...found, force: false, redeploy: true, obeyBackoff: false, unattended: true };
  const [outcome] = await reconcile(engine, [job], signal);
  return outcome!; // one for each job
}

/** The lineage and version that a certificate in a file is. */
async function findVersion(
  fleet: OpenFleet,
  { certificatePem }: ForeignCertificate,
  signal: AbortSignal,
): Promise<{ readonly name: string; readonly which: string } | undefined> {
  const { fingerprint } = fleet.composed.engine.pki.readChain(certificatePem).facts;
  for (const [name, found] of await readAll(fleet, signal)) {
    if (found instanceof Error) continue;
    const version = [found.current, found.previous].find((one) => one?.facts.fingerprint === fingerprint);
    if (version) return { name, which: version.id };
  }
  return undefined;
}

async function notThere(fleet: OpenFleet, name: string, signal: AbortSignal): Promise<CertfleetError> {
  const stored = await readAll(fleet, signal);
  const isDeclared = fleet.settings.certificates.some((certificate) => certificate.name === name);
  if (isDeclared) return fail('lineage/not-issued', { name });
  return fail('lineage/not-found', { name, nearest: didYouMean(name, [...stored.keys()]) });
}

/** Lineages by name; an error stands for a document that cannot be read. */
type Stored = ReadonlyMap<string, Lineage | CertfleetError>;

async function readAll({ composed }: OpenFleet, signal: AbortSignal): Promise<Stored> {
  const stored = new Map<string, Lineage | CertfleetError>();
  for await (const page of composed.engine.store.scan('lineage', signal))
    for (const entry of page) stored.set(entry.key.name, lineageOf(composed.engine, entry));
  return stored;
}

async function statusOf(
  fleet: OpenFleet,
  names: readonly string[],
  signal: AbortSignal,
): Promise<readonly LineageStatus[]> {
  const stored = await readAll(fleet, signal);
  const wanted = new Map(allWanted(fleet, stored).map((one) => [nameOfWanted(one), one]));
  const known = [...stored].filter(([, found]) => found instanceof Error || !isOnlyOwing(found));
  const all = [...new Set([...wanted.keys(), ...known.map(([name]) => name)])].sort();
  const now = fleet.composed.engine.clock.now();
  const holds = new Map<string, Promise<CaHold | undefined>>();
  const described = pick(all, names, (name) => name).map(async (name) => {
    const found = stored.get(name);
    const corrupt = found instanceof Error ? found : undefined;
    const lineage = found instanceof Error ? undefined : found;
    const lease = lineage?.work?.lease;
    const isWorking = lease !== undefined && fleet.composed.engine.processes.look(lease.holder) !== 'dead';
    const one = wanted.get(name);
    const { directory } = one?.wanted.issuer ?? {};
    if (directory !== undefined && !holds.has(directory))
      holds.set(directory, holdOf(fleet.composed.engine, directory, signal));
    const caHold = endOfCaHold(await holds.get(directory ?? ''), lineage, now);
    const declaredAs = one && { spec: one.wanted, origin: one.origin };
    return describeLineage(name, { wanted: declaredAs, lineage, corrupt, now, isWorking, caHold });
  });
  return Promise.all(described);
}
