import type { Audit } from '../../access/audit.ts';
import { type Action, isInScope, leastRoleFor, may, type Who } from '../../core/access/role.ts';
import { asFailure, type CertfleetError, fail, isFailure } from '../../core/errors/errors.ts';
import type { Trigger } from '../../core/history/run-entry.ts';
import type { RevocationReason } from '../../core/lineage/revocation.ts';
import { lineageNotFound } from '../../core/names/not-found.ts';
import type { Outcome } from '../../core/plan/outcome.ts';
import { type EngineProcess, inPass, report } from '../../engine/engine.ts';
import type { Rows } from '../../engine/steady/rows.ts';
import { pauseOne, renewOne, resumeOne, rollBackOne } from '../life.ts';
import type { OpenFleet } from '../opened.ts';
import { revoke } from '../revoke.ts';

/** What a person can let a process that keeps running do to a certificate. */
export type FleetAction = 'renew' | 'redeploy' | 'rollback' | 'revoke' | 'pause' | 'resume';

export interface ActionRequest {
  readonly action: FleetAction;
  readonly name: string;
  /** The revision of the document that the person saw; undefined to act whatever it says now. */
  readonly ifRevision: string | undefined;
  /** Of `revoke`. */
  readonly reason?: RevocationReason | undefined;
  /** Of `pause`: why, in the person’s words. */
  readonly why?: string | undefined;
  /** Who asks; {@link act} adds it. */
  readonly by?: string | undefined;
}

/** How an action on a certificate ended. */
export interface Ended {
  /** RFC 3339. */
  readonly at: string;
  readonly outcome?: Outcome | undefined;
  readonly error?: CertfleetError | undefined;
}

/**
 * Begins actions in this process, beside its loop. Each goes on after the request that began it; what became of it stands
 * in the certificate and its history.
 */
export interface FleetActions {
  /**
   * Begins an action, and resolves once it has begun; a pause is over or in the document by then. Fails with
   * `lineage/not-found`, `lineage/changed` if the document is no longer the one that the person saw, or `lineage/at-work`
   * if a process works on it.
   */
  begin(request: ActionRequest, signal: AbortSignal): Promise<void>;
  /** Returns how the last action on a certificate ended in this process, for those who wait for it. */
  ended(name: string): Ended | undefined;
  /** Resolves once no action is under way. */
  settle(): Promise<void>;
}

/** Who asks, and the address from which. */
export interface Asker {
  readonly who: Who;
  readonly from: string;
}

const rightOf: Readonly<Record<FleetAction, Action>> = {
  renew: 'renew',
  redeploy: 'renew',
  rollback: 'rollback',
  revoke: 'revoke',
  pause: 'renew',
  resume: 'renew',
};

/**
 * Begins an action for those who may ask for it, and writes down who has, and what came of that. Fails like
 * {@link FleetActions.begin}, and with `access/role`.
 */
export async function act(
  { actions, audit }: { readonly actions: FleetActions; readonly audit: Pick<Audit, 'record'> },
  { who, from }: Asker,
  request: ActionRequest,
  signal: AbortSignal,
): Promise<void> {
  const { action, name, reason, why } = request;
  const record = (result: string) =>
    audit.record(
      { name: who.name, via: who.via, from },
      { what: `certificate.${action}`, object: name, detail: reason ?? why, result },
    );
  try {
    // Whether there is a certificate that it must not see, it must not learn.
    if (!isInScope(who, name)) throw lineageNotFound(name, []);
    refuseRole(who, rightOf[action]);
    await actions.begin({ ...request, by: who.name }, signal);
  } catch (error) {
    await record(asFailure(error).code);
    throw error;
  }
  await record('done');
}

/** Fails with `access/role`, or with `access/some-certificates` if a token’s scope does not allow it. */
export function refuseRole(who: Who, action: Action): void {
  if (may(who, action)) return;
  const { name, role } = who;
  if (may({ role }, action)) refuseFleet(who);
  throw fail('access/role', { least: leastRoleFor(action), name, role });
}

/** Fails with `access/some-certificates` if a token has a scope. */
export function refuseFleet({ name, scope }: Who): void {
  if (scope) throw fail('access/some-certificates', { name });
}

interface Acting {
  readonly engine: EngineProcess;
  readonly rows: Pick<Rows, 'get'>;
  readonly open: () => Omit<OpenFleet, 'engine'>;
}

const mostRemembered = 1_000;

/** @param stopping aborts what is under way when the process stops; it is journalled, and another run continues it */
export function createActions({ engine, rows, open }: Acting, stopping: AbortSignal): FleetActions {
  const running = new Map<string, Promise<void>>();
  const endings = new Map<string, Ended>();

  function run({
    action,
    name,
    reason,
  }: ActionRequest & { readonly action: Exclude<FleetAction, 'pause' | 'resume'> }): Promise<Outcome | undefined> {
    const trigger: Trigger = action === 'redeploy' ? 'renew' : action;
    return inPass(
      engine,
      async (pass) => {
        const fleet: OpenFleet = { ...open(), engine: pass };
        if (action === 'rollback') return rollBackOne(fleet, name, stopping);
        if (action === 'revoke') {
          const { outcomes } = await revoke(
            fleet,
            { what: name, reason: reason ?? 'unspecified', by: 'account-key' },
            stopping,
          );
          return outcomes[0];
        }
        return renewOne(fleet, { name, force: action === 'renew' }, stopping);
      },
      trigger,
    );
  }

  async function changePause({ action, ...request }: ActionRequest, signal: AbortSignal): Promise<void> {
    const change = action === 'pause' ? pauseOne : resumeOne;
    const { name, ifRevision, why: reason, by = 'unknown' } = request;
    await inPass(engine, (pass) =>
      change({ ...open(), engine: pass }, { name, ifRevision, reason, by, atOnce: true }, signal),
    );
  }

  function note(name: string, ended: Omit<Ended, 'at'>): void {
    endings.delete(name);
    endings.set(name, { at: engine.clock.now().toISOString(), ...ended });
    const [oldest] = endings.keys();
    if (endings.size > mostRemembered && oldest !== undefined) endings.delete(oldest);
  }

  return {
    async begin(request, signal) {
      const { action, name, ifRevision } = request;
      const row = rows.get(name);
      if (!row) throw lineageNotFound(name, []);
      if (running.has(name) || row.state === 'working') throw fail('lineage/at-work', { name });
      if (action === 'pause' || action === 'resume') return changePause(request, signal);
      if (ifRevision !== undefined) {
        const entry = await engine.store.get({ kind: 'lineage', name }, signal);
        // A second click may have come meanwhile.
        if (running.has(name)) throw fail('lineage/at-work', { name });
        if ((entry?.revision ?? '') !== ifRevision) throw fail('lineage/changed', { name });
      }
      const acting = run({ ...request, action })
        .then(
          (outcome) => note(name, { outcome }),
          (error: unknown) => {
            const failure = asFailure(error);
            note(name, { error: failure });
            if (stopping.aborted || isFailure(error, 'store/held')) return;
            const { code, message } = failure;
            report(engine, { level: 'error', event: 'certificate.failed', certificate: name, message, data: { code } });
          },
        )
        .finally(() => running.delete(name));
      running.set(name, acting);
    },
    ended: (name) => endings.get(name),
    async settle() {
      await Promise.all(running.values());
    },
  };
}
