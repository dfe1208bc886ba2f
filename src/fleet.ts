import type { Access } from './access/access.ts';
import { type ComposeContext, compose } from './compose.ts';
import type { CertfleetError } from './core/errors/errors.ts';
import type { Secret } from './core/errors/secret.ts';
import type { RunEntry, Trigger } from './core/history/run-entry.ts';
import type { Adoption, Found, UndoneImport } from './core/lineage/found.ts';
import type { Lineage } from './core/lineage/lineage.ts';
import type { Identifier } from './core/names/identifier.ts';
import type { LookTimes } from './core/node/look-times.ts';
import type { NodeStatus } from './core/node/node-status.ts';
import type { Role } from './core/node/running.ts';
import type { Ahead } from './core/plan/ahead.ts';
import type { Outcome } from './core/plan/outcome.ts';
import type { LineageStatus } from './core/plan/status.ts';
import type { AccountKeyType } from './core/spec/account-key.ts';
import type { RunHooks } from './core/spec/hooks.ts';
import type { AdapterSettings, NamedAdapter, NamedIssuer, Settings, StoredSpec } from './core/spec/spec.ts';
import type { StatelessAnswer } from './core/spec/stateless.ts';
import type { ConfigurationSource } from './daemon/reload.ts';
import type { AccountStatus } from './engine/accounts/accounts.ts';
import type { ChangedAccount } from './engine/accounts/change.ts';
import type { OpenedAccount } from './engine/accounts/open.ts';
import type { AdoptOptions } from './engine/acts/adopt.ts';
import type { BalancerTrialNews, BalancerTrialReport, BalancerTrialRequest } from './engine/acts/balancer-trial.ts';
import type { TrialNews, TrialReport } from './engine/acts/dns-trial.ts';
import type { Forgotten } from './engine/acts/forget.ts';
import type { RevocationWish } from './engine/acts/revoke.ts';
import { type OpenAlarms, readAlarms } from './engine/alarms/open.ts';
import type { Swept } from './engine/delivery/sweep-report.ts';
import { type LostObject, type LostRemoval, type LostReport, sweepLost } from './engine/delivery/unjournalled.ts';
import { inPass } from './engine/engine.ts';
import { readHistory } from './engine/history/stored-history.ts';
import { damagedLedger } from './engine/ledger/buckets.ts';
import type { CaaReport } from './engine/looks/caa-report.ts';
import type { DrawnPath } from './engine/looks/doctor.ts';
import type { DrawnTarget } from './engine/looks/targets.ts';
import type { RevokedVersion } from './engine/pass/revocations.ts';
import { sweep } from './engine/pass/sweep.ts';
import { accountsOf, changeAccount, dependentsOf } from './fleet/accounts.ts';
import { drawNamed, reportCaaOf, statelessOf, tryProvider, tryRule } from './fleet/challenges.ts';
import { dryRun } from './fleet/dry-run.ts';
import { issue } from './fleet/issue.ts';
import { deleteOne, exportOne, pauseOne, resumeOne, rollBackOne } from './fleet/life.ts';
import type { LimitsRequest, LimitsStatus } from './fleet/limits.ts';
import { once } from './fleet/once.ts';
import type { OpenFleet } from './fleet/opened.ts';
import type { PlanRequest } from './fleet/plan.ts';
import { renew } from './fleet/renew.ts';
import { revoke } from './fleet/revoke.ts';
import type { Serve } from './fleet/run.ts';
import { sendTest } from './fleet/send-test.ts';
import { forgetNode, nodesOf, statusOf } from './fleet/status.ts';
import { readOne } from './fleet/stored.ts';
import type { VersionBundle } from './ports/deployer.ts';
import type { Directory } from './ports/issuer.ts';

export type {
  AccountStatus,
  Ahead,
  BalancerTrialNews,
  BalancerTrialReport,
  CaaReport,
  ChangedAccount,
  ConfigurationSource,
  Directory,
  DrawnPath,
  DrawnTarget,
  LimitsRequest,
  LimitsStatus,
  LineageStatus,
  LostObject,
  LostRemoval,
  LostReport,
  NodeStatus,
  OpenAlarms,
  Outcome,
  PlanRequest,
  RunEntry,
  Serve,
  TrialNews,
  TrialReport,
};

/**
 * The application interface that the command line, and later the API and the library, call. It works on the settings
 * with which it was opened, or on those that `run` read last. Each method runs one pass; only `run` goes on. A failure of one
 * certificate is in its outcome, not thrown.
 */
export interface Fleet {
  /**
   * Returns the mark of this store's objects at balancers and clouds. Fails with `store/corrupt` if the store's ID
   * cannot be read.
   */
  owner(): string;
  /**
   * Issues now, regardless of the back-off: the named certificates (declared, or issued by flags before), or every
   * declared one that is missing or due. `adHoc` is a certificate given by flags; its lineage keeps the whole spec.
   */
  issue(request: IssueRequest, signal: AbortSignal): Promise<readonly Outcome[]>;
  /**
   * Takes care of all declared and stored certificates until the signal aborts: issues, renews and deploys each as soon
   * as it is due, and notices what other processes change. Follows the configuration and the files with secrets;
   * work that has begun ends with the settings of before. Resolves once the work under way has ended or is journalled.
   * Fails with `store/…` if the store cannot be read at the beginning.
   */
  run(request: RunRequest, signal: AbortSignal): Promise<void>;
  /**
   * Answers challenges of other nodes from the store until the signal aborts, and does nothing else. Fails with
   * `config/no-responder`, `store/node-taken`, `solver/…`.
   */
  respond(request: { readonly ready: () => void }, signal: AbortSignal): Promise<void>;
  /** Runs one pass over all declared and stored certificates: issues, renews and deploys what is due. */
  renew(request: RenewRequest, signal: AbortSignal): Promise<readonly Outcome[]>;
  /**
   * Orders a test certificate for each certificate that `renew` would renew, at its CA's test directory. Keeps only
   * test certificates that the store already had. Delivers nothing, and runs no deploy hook.
   */
  dryRun(request: Pick<RenewRequest, 'names' | 'hooks'>, signal: AbortSignal): Promise<readonly Outcome[]>;
  /** Returns a certificate's stored settings, and where they come from. Fails with `store/corrupt`. */
  stored(
    name: string,
    signal: AbortSignal,
  ): Promise<Pick<Lineage, 'spec' | 'origin' | 'givenBack' | 'settingsLost'> | undefined>;
  /** Returns environment variables whose secrets are stored with a certificate, for a check of its settings. */
  keptEnvironment(name: string, signal: AbortSignal): Promise<Readonly<Record<string, string | undefined>>>;
  /** Returns the status of the named certificates, including a check of their keys, or of all. Only reads the store. */
  status(names: readonly string[], signal: AbortSignal): Promise<readonly LineageStatus[]>;
  /** Returns what the last runs did to a certificate, the latest last. Only reads the store. Fails with `store/corrupt`. */
  history(name: string, signal: AbortSignal): Promise<readonly RunEntry[]>;
  /**
   * Returns what is left of each CA's rate limits, by our own account, and what has used them up. Only reads the store.
   * Fails with `lineage/not-found`.
   */
  limits(request: LimitsRequest, signal: AbortSignal): Promise<readonly LimitsStatus[]>;
  /**
   * Returns which certificates `renew` will order until a time, when and why. Only reads the store. Fails with
   * `lineage/not-found`.
   */
  plan(request: PlanRequest, signal: AbortSignal): Promise<Ahead>;
  /** Returns the nodes that share the store, and what they lack of these certificates. */
  nodes(certificates: readonly LineageStatus[], signal: AbortSignal): Promise<readonly NodeStatus[]>;
  /** Returns which documents about rate limits are damaged. The next order writes them anew. */
  damagedLedger(signal: AbortSignal): Promise<readonly Pick<CertfleetError, 'message' | 'hint'>[]>;
  /** Returns the alarms that are open. Only reads the store. Fails with `store/corrupt`. */
  alarms(signal: AbortSignal): Promise<OpenAlarms>;
  /**
   * Sends a test message to a declared notifier. Fails with `usage/unknown-name`, with `notify/…` if the message was not
   * sent, or with `config/…`.
   */
  testAlarms(name: string, signal: AbortSignal): Promise<{ readonly type: string }>;
  /**
   * Forgets a node that is gone for good, or what has ended where something keeps running. Resolves with what keeps
   * running there. Fails with `usage/unknown-node`, `usage/node-runs`.
   */
  forgetNode(node: string, signal: AbortSignal): Promise<readonly Role[]>;
  /**
   * Draws the CA's path to the answer for each identifier of the named certificates, declared or stored: which address,
   * rule and server. Also describes the targets that can say before an order whether they have room. Changes nothing, but
   * listens on the responder's port. Fails with `lineage/not-found`.
   */
  doctor(names: readonly string[], signal: AbortSignal): Promise<Drawn>;
  /**
   * Returns the CAA records that pin certificates' names to their account and challenges, and the records that exist in
   * the DNS. Fails with `lineage/not-found`, `acme/…`.
   */
  caa(names: readonly string[], signal: AbortSignal): Promise<readonly CaaReport[]>;
  /**
   * Returns what proxies must answer for the named certificates, or for all certificates whose challenges they answer
   * themselves. Fails with `lineage/not-found`, `config/two-accounts`.
   */
  stateless(request: StatelessRequest, signal: AbortSignal): Promise<readonly StatelessAnswer[]>;
  /**
   * Removes a certificate from the store, with its versions, keys and credentials, after cleaning up its challenges.
   * Does not revoke anything or touch any target. Fails with `lineage/not-found`, `lineage/in-use`, `store/held`,
   * `solver/not-removed`.
   */
  delete(request: DeleteRequest, signal: AbortSignal): Promise<Deleted>;
  /**
   * Revokes a certificate at its CA. After `keyCompromise`, gets another one with a new key at once, and returns that
   * outcome, too. Fails with `lineage/not-found`, `lineage/not-issued`, `acme/…`.
   */
  revoke(request: RevokeRequest, signal: AbortSignal): Promise<RevokeAnswer>;
  /**
   * Exports the current version with its private key, and records the export in the lineage. Fails with
   * `lineage/not-found`, `lineage/no-certificate`.
   */
  export(request: ExportRequest, signal: AbortSignal): Promise<void>;
  /**
   * Goes back to the previous version, and delivers it. `renew` does not replace it at once. Fails with
   * `lineage/not-found`, `lineage/no-way-back`.
   */
  rollback(name: string, signal: AbortSignal): Promise<Outcome>;
  /**
   * Leaves a certificate alone until it is resumed: it is neither ordered nor delivered, unless a person asks for it by
   * name. Waits for a process that is working on it. Fails with `lineage/not-found`, `lineage/not-issued`, `store/busy`.
   */
  pause(request: PauseOneRequest, signal: AbortSignal): Promise<void>;
  /** Ends a pause; does nothing if there is none. Fails like `pause`. */
  resume(request: Omit<PauseOneRequest, 'reason'>, signal: AbortSignal): Promise<void>;
  /**
   * Tries a DNS provider without a certificate: adds a value at an unused name, sees it on every authoritative server,
   * and removes it. Any failure is in the report.
   */
  tryDns(request: DnsTrialRequest, signal: AbortSignal): Promise<TrialReport>;
  /**
   * Tries a load balancer without a certificate: adds a rule for an unused path, sees the answer, and removes
   * it. Any failure is in the report.
   */
  tryBalancer(request: BalancerTrialOf, signal: AbortSignal): Promise<BalancerTrialReport>;
  /**
   * Stores another client's accounts, keys and certificates, and how each certificate is renewed. Orders nothing, and
   * changes nothing outside the store. Stored certificates keep their settings, and get the targets that they lack.
   */
  adopt(found: Found, options: AdoptOptions, signal: AbortSignal): Promise<Adoption>;
  /**
   * Undoes `adopt` with the client's own folder as the target: the folder is restored, and no certificate is delivered
   * into it any longer. A dry run reports what would happen, and changes nothing.
   */
  undoImport(root: string, options: { readonly dryRun: boolean }, signal: AbortSignal): Promise<UndoneImport>;
  /** Returns what a CA currently says about itself. Needs no account. Fails with `acme/…`. */
  directory(issuer: NamedIssuer, signal: AbortSignal): Promise<Directory>;
  /** Returns all accounts of the store. Only reads it. */
  accounts(signal: AbortSignal): Promise<readonly AccountStatus[]>;
  /** Opens an issuer's account, unless it is already open. Fails with `acme/…`, `config/…`. */
  openAccount(issuer: NamedIssuer, signal: AbortSignal): Promise<OpenedAccount>;
  /** Returns what else depends on an account, as sentences for display. */
  accountDependents(id: string, what: 'rollover' | 'deactivate', signal: AbortSignal): Promise<readonly string[]>;
  /**
   * Changes an account at its CA, or removes one that was never opened there. Fails with `account/not-found`,
   * `account/not-open`, `account/stays`, `store/held`, `acme/…`.
   */
  changeAccount(request: AccountRequest, signal: AbortSignal): Promise<ChangedAccount>;
  /** Returns what the file and the store declare together. */
  settings(): Settings;
  /** Returns the users, API tokens and the audit log of the store. */
  access(): Promise<Access>;
  /** Resolves with true only the first time in this store, for advice that is given once. */
  once(what: string, signal: AbortSignal): Promise<boolean>;
  /**
   * Cleans up after dead processes: challenges, tokens, probes, solvers’ hooks, superseded uploads. Finishes their
   * revocations, and their deployments if all nodes share the target or the process died on this machine.
   */
  sweep(signal: AbortSignal): Promise<SweepReport>;
  /**
   * Lists the marked objects at balancers and targets that are in no journal of this store. Removes only those that
   * `remove` selects.
   */
  sweepLost(remove: LostRemoval | undefined, signal: AbortSignal): Promise<LostReport>;
  /**
   * Closes ports, connections and child processes. First waits, for at most 30 s, while this process still answers
   * challenges for other processes of the store; it does not wait without a signal, or if the signal is aborted.
   */
  close(signal?: AbortSignal): Promise<void>;
}

export interface IssueRequest {
  readonly names: readonly string[];
  readonly adHoc?: StoredSpec;
  /**
   * The identifiers that the certificate of `adHoc` had when it was read; empty if it did not exist. If it has others
   * by now, the outcome is `lineage/name-taken`, and nothing is changed.
   */
  readonly found?: readonly Identifier[];
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
  /** The interval until the next run. What cannot wait for that run is renewed now. */
  readonly nextRunMs?: number | undefined;
  /** The hooks of the certificates that this run renews, in place of their own. */
  readonly hooks?: RunHooks | undefined;
}

export interface RunRequest {
  /** Where the settings come from. */
  readonly source: ConfigurationSource;
  /** Called once all lineages have been read, so that the process takes care of them from then on. */
  readonly ready: () => void;
  /** Called with what became of a certificate that was due. */
  readonly done: (outcome: Outcome) => void;
  /** Serves pages and API, from the time that they are declared; if omitted, nothing does. */
  readonly serve?: Serve | undefined;
  /** How often it looks at what is served; as often as the guide says, if omitted. */
  readonly looks?: LookTimes | undefined;
}

export interface DnsTrialRequest {
  /** A solver `dns01`, declared or not. */
  readonly solver: { readonly name: string; readonly settings: AdapterSettings };
  /** A name in the zone. The value is added at a random name below it. */
  readonly below: string;
  /** The full name for the value, instead of a random one. */
  readonly record?: string | undefined;
  readonly told: (news: TrialNews) => void;
}

export interface BalancerTrialOf extends Pick<BalancerTrialRequest, 'host' | 'told'> {
  /** A solver behind the balancer, declared or not. */
  readonly solver: NamedAdapter;
}

export interface RevokeRequest extends RevocationWish {
  /** The certificate's name, as `status` shows it, or a certificate that need not be in the store. */
  readonly what: string | ForeignCertificate;
}

/** A certificate in a file. */
export interface ForeignCertificate {
  readonly certificatePem: string;
  /** The certificate's key. If given, it signs the request. */
  readonly keyPem?: Secret;
  /** The CA, if the certificate is in no lineage. */
  readonly issuer: NamedIssuer;
}

export interface ExportRequest {
  readonly name: string;
  /** The destination, for the record. */
  readonly to: string;
  /** A password makes the export a PKCS#12 file; without one, it is PEM. */
  readonly pkcs12?: { readonly password: Secret; readonly isLegacy: boolean };
  /** Writes the export to its destination. If this fails, the key has not left the store, and the record is removed. */
  write(exported: Exported): Promise<void>;
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
  /** Whether `renew` replaces the certificate. */
  readonly isReplaced: boolean;
  /** The outcomes of replacing it at once. */
  readonly outcomes: readonly Outcome[];
}

export type AccountRequest = { readonly id: string } & (
  | { readonly what: 'update'; readonly emails: readonly string[] }
  | { readonly what: 'rollover'; readonly keyType?: AccountKeyType }
  | { readonly what: 'rollover-abort' }
  | { readonly what: 'deactivate' }
  | { readonly what: 'remove'; readonly force: boolean }
);

export interface StatelessRequest {
  /** Empty means all declared and stored certificates. */
  readonly names: readonly string[];
  /** A certificate that is given by flags, in place of the names. */
  readonly adHoc?: StoredSpec;
  /** For orders at the CA's test directory. */
  readonly staging: boolean;
}

export interface PauseOneRequest {
  readonly name: string;
  /** Who asks. */
  readonly by: string;
  readonly reason?: string | undefined;
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

/** What `doctor` draws. */
export interface Drawn {
  readonly paths: readonly DrawnPath[];
  readonly targets: readonly DrawnTarget[];
}

export type SweepReport = Swept;

/**
 * Opens what answers challenges with nothing but the tokens of the store (`responderSecret`). Fails with `store/…`,
 * `config/own-secret`.
 */
export const openTokenResponder = async (
  settings: Settings,
  context: ComposeContext,
): Promise<Pick<Fleet, 'respond' | 'close'>> =>
  (await import('./fleet/respond-tokens.ts')).openTokenResponder(settings, context);

/** Composes a fleet, and adds what its store declares to the settings of the file. */
async function openBoth(first: Settings, context: ComposeContext) {
  const composed = await compose(first, context);
  const { signal } = new AbortController();
  try {
    const { openSources } = await import('./fleet/sources.ts');
    const { checkDeclarations: check, checkConnections, declare: changed } = composed;
    const sourcing = { engine: composed.process, check, checkConnections, changed };
    return { composed, sources: await openSources(first, sourcing, signal) };
  } catch (error) {
    await composed.close();
    throw error;
  }
}

/** Opens a fleet. Fails with `store/unusable` before any CA is called. */
export async function openFleet(first: Settings, context: ComposeContext): Promise<Fleet> {
  const { composed, sources } = await openBoth(first, context).catch(async (error: unknown) => {
    if (context.tellsAlarms) await (await import('./fleet/unopened.ts')).tellOfUnopened(first, context, error);
    throw error;
  });
  const { settings } = sources;
  const { process } = composed;
  /** @param trigger what stands in the histories of the certificates; undefined if the pass only looks */
  const pass = <T>(run: (fleet: OpenFleet) => Promise<T>, trigger?: Trigger): Promise<T> =>
    inPass(process, (engine) => run({ settings: settings(), composed, engine }), trigger);
  return {
    owner: () => process.connections.owner,
    issue: (request, signal) => pass((fleet) => issue(fleet, request, signal), 'issue'),
    renew: (request, signal) => pass((fleet) => renew(fleet, request, signal), 'renew'),
    run: async (request, signal) => {
      const { run } = await import('./fleet/run.ts');
      return run({ composed, settings, sources, world: context.world, env: context.env }, request, signal);
    },
    respond: async (request, signal) =>
      (await import('./fleet/respond.ts')).respond(
        { composed, settings, world: context.world, env: context.env },
        request,
        signal,
      ),
    settings,
    access: async () =>
      (await import('./access/access.ts')).createAccess({
        ...{ store: process.store, clock: process.clock, random: process.random },
      }),
    dryRun: (request, signal) => pass((fleet) => dryRun(fleet, request, signal), 'dry-run'),
    stored: (name, signal) => pass((fleet) => readOne(fleet, name, signal)),
    keptEnvironment: (name) => composed.keptEnvironment(name),
    status: (names, signal) => pass((fleet) => statusOf(fleet, names, signal)),
    history: (name, signal) => readHistory(process, name, signal),
    limits: (request, signal) =>
      pass(async (fleet) => (await import('./fleet/limits.ts')).limitsOf(fleet, request, signal)),
    plan: (request, signal) => pass(async (fleet) => (await import('./fleet/plan.ts')).planOf(fleet, request, signal)),
    nodes: (certificates, signal) => pass((fleet) => nodesOf(fleet, certificates, signal)),
    damagedLedger: (signal) => pass(({ engine }) => damagedLedger(engine, signal)),
    alarms: (signal) => readAlarms(process, signal),
    testAlarms: (name, signal) => pass(({ engine }) => sendTest(engine, name, signal)),
    forgetNode: (node, signal) => pass((fleet) => forgetNode(fleet, node, signal)),
    doctor: (names, signal) => pass((fleet) => drawNamed(fleet, names, signal)),
    caa: (names, signal) => pass((fleet) => reportCaaOf(fleet, names, signal)),
    stateless: (request, signal) => pass((fleet) => statelessOf(fleet, request, signal)),
    delete: (request, signal) => pass((fleet) => deleteOne(fleet, request, signal), 'delete'),
    revoke: (request, signal) => pass((fleet) => revoke(fleet, request, signal), 'revoke'),
    export: (request, signal) => pass((fleet) => exportOne(fleet, request, signal), 'export'),
    rollback: (name, signal) => pass((fleet) => rollBackOne(fleet, name, signal), 'rollback'),
    pause: (request, signal) => pass(async (fleet) => void (await pauseOne(fleet, request, signal))),
    resume: (request, signal) => pass(async (fleet) => void (await resumeOne(fleet, request, signal))),
    tryDns: (request, signal) => pass((fleet) => tryProvider(fleet, request, signal)),
    tryBalancer: (request, signal) => pass((fleet) => tryRule(fleet, request, signal)),
    adopt: (found, options, signal) =>
      pass(async ({ engine, composed: { withTraits } }) => {
        const declared = new Set(settings().certificates.map(({ name }) => name));
        const { adopt } = await import('./engine/acts/adopt.ts');
        return adopt(engine, found, { declared, withTraits, ...options }, signal);
      }, 'import'),
    undoImport: (root, options, signal) =>
      pass(async ({ engine }) =>
        (await import('./engine/acts/undo-import.ts')).undoImport(engine, root, options, signal),
      ),
    directory: ({ name, settings: asked }, signal) =>
      pass(({ engine }) => engine.connect.issuer(name, asked).directory(signal)),
    accounts: (signal) => pass((fleet) => accountsOf(fleet, signal)),
    openAccount: (issuer, signal) =>
      pass(async ({ engine }) => (await import('./engine/accounts/open.ts')).openAccount(engine, issuer, signal)),
    accountDependents: (id, what, signal) => pass((fleet) => dependentsOf(fleet, id, what, signal)),
    changeAccount: (request, signal) => pass((fleet) => changeAccount(fleet, request, signal), 'account'),
    once: (what, signal) => pass((fleet) => once(fleet, what, signal)),
    sweep: (signal) => pass(({ engine }) => sweep(engine, signal), 'sweep'),
    sweepLost: (remove, signal) => pass(({ engine }) => sweepLost(engine, composed.declared(), remove, signal)),
    close: (signal) => composed.close(signal),
  };
}
