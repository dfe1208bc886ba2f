import type { Access } from '../../access/access.ts';
import { firstUrlOf } from '../../core/access/pages-url.ts';
import { createRecent, type Recent } from '../../core/async/recent.ts';
import { stackOf } from '../../core/errors/errors.ts';
import type { Ahead } from '../../core/plan/ahead.ts';
import type { Mounted } from '../../daemon/web-server.ts';
import { type Engine, type EngineProcess, inPass, report } from '../../engine/engine.ts';
import { readBundle } from '../../engine/run/bundles.ts';
import { lineageNamed } from '../../engine/run/stored-lineage.ts';
import type { RunningFleet } from '../run.ts';
import { sendTest } from '../send-test.ts';
import { createActions } from './actions.ts';
import { createChecks } from './checks.ts';
import { createConnectionTests } from './connection-test.ts';
import { createConnections } from './connections.ts';
import { createDeclarations } from './declarations.ts';
import { inTurns } from './drawing.ts';
import { createKeys } from './keys.ts';
import { createView, type Seen } from './view.ts';

/** How often it looks whether there are pages now. */
const everyMs = 5_000;

/**
 * Serves pages and API from the time that `pages` is declared. Until then, nothing of them is loaded.
 *
 * @param mount makes them, once
 */
export async function serveWhenDeclared(
  fleet: Pick<RunningFleet, 'composed' | 'world' | 'settings'>,
  mount: (access: Access) => Promise<Mounted & { readonly settle: () => Promise<void> }>,
  signal: AbortSignal,
): Promise<void> {
  const { world, settings } = fleet;
  const { process: engine } = fleet.composed;
  while (!settings().pages) {
    await world.clock.sleep(everyMs, signal).catch(() => undefined);
    if (signal.aborted) return;
  }
  const [{ serveWeb }, { createAccess }] = await Promise.all([
    import('../../daemon/web-server.ts'),
    import('../../access/access.ts'),
  ]);
  const access = createAccess({ store: engine.store, clock: world.clock, random: world.random });
  const mounted = await mount(access);
  const say = (level: 'info' | 'warn', message: string) => report(engine, { level, event: 'log', message });

  /** Who starts it for the first time has no user yet, and would not know how to make one. */
  async function offerFirst(address: string): Promise<void> {
    const { pages } = settings();
    const secret = pages && (await access.first.make(signal).catch(() => undefined));
    const url = secret && firstUrlOf({ ...pages, listen: [address] }, secret);
    if (url === undefined) return;
    say('info', `there is no user yet; this link makes the first one, an administrator, within 15 minutes: ${url}`);
  }

  async function identity(name: string, over: AbortSignal) {
    const lineage = await lineageNamed(engine, name, over);
    if (lineage instanceof Error) throw lineage;
    const id = lineage?.current?.id;
    if (id === undefined) return undefined;
    if (known?.name === name && known.id === id) return known;
    const { fullchainPem, keyPem } = await readBundle(engine, { lineage: name, id }, over);
    known = { name, id, cert: fullchainPem, key: keyPem.reveal() };
    return known;
  }
  let known: { readonly name: string; readonly id: string; readonly cert: string; readonly key: string } | undefined;

  const serving = { world, access, mounted, settings, identity, say, reachable: offerFirst };
  await Promise.all([access.follow(signal), serveWeb(serving, signal)]);
  // What was begun from pages and API is journalled before the process ends.
  await mounted.settle();
}

/** What pages and API show and change. */
export interface Shown extends Pick<Seen, 'rows' | 'declared' | 'nodes' | 'file'> {
  readonly fleet: Pick<RunningFleet, 'composed' | 'settings' | 'sources'>;
}

/** Returns a function that makes the pages and the API. Nothing else needs them, so they are loaded then. */
export function mountWeb({ fleet, ...shown }: Shown, stopping: AbortSignal) {
  return async (access: Access) => {
    const { composed, settings, sources } = fleet;
    const { audit } = access;
    const engine = composed.process;
    await shown.rows.begin(stopping);
    const open = () => ({ settings: settings(), composed });
    const view = createView({ ...shown, engine, open });
    const actions = createActions({ engine, rows: shown.rows, open }, stopping);
    const declarations = createDeclarations({
      ...{ engine, sources, audit, checkDeclarations: composed.checkDeclarations },
    });
    const checks = createChecks({ engine, rows: shown.rows, open, checkDeclarations: composed.checkDeclarations });
    const tryOut = createConnectionTests(engine, open);
    const connections = createConnections({ engine, sources, audit, composed, tryOut });
    const keys = createKeys({ engine, rows: shown.rows, open, access });
    const draw = inTurns((name, signal) =>
      inPass(engine, async (pass) => {
        const { drawNamed } = await import('../challenges.ts');
        return drawNamed({ ...open(), engine: pass }, [name], signal);
      }),
    );
    const ofSettings = {
      access,
      notifiers: () => Object.entries(settings().alarms).map(([name, one]) => ({ name, type: one.settings.type })),
      test: (name: string, signal: AbortSignal) =>
        inPass(engine, async (pass) => void (await sendTest(pass, name, signal))),
      configuration: composed.shown,
    };
    const plan = createPlans(engine, async (untilMs, pass, signal) => {
      const { planOf } = await import('../plan.ts');
      return planOf({ ...open(), engine: pass }, { names: [], untilMs }, signal);
    });
    const failed = (error: unknown) =>
      report(engine, { level: 'warn', event: 'log', message: `the API: ${stackOf(error)}` });
    const life = Buffer.from(engine.random.bytes(6)).toString('base64url');
    const { createApi } = await import('../../api/routes.ts');
    const { createPages } = await import('../../pages/pages.tsx');
    const shownTo = { view, actions, keys, clock: engine.clock, draw, life };
    return {
      pages: createPages({ ...shownTo, audit, declarations, connections, checks, settings: ofSettings }),
      api: createApi({ ...shownTo, access, declarations, connections, checks, plan, failed }),
      settle: actions.settle,
    };
  };
}

/** A plan takes a read of every document, so those who ask for about the same time share it. */
const planMs = 30_000;

function createPlans(
  engine: EngineProcess,
  make: (untilMs: number, pass: Engine, signal: AbortSignal) => Promise<Ahead>,
): (untilMs: number, signal: AbortSignal) => Promise<Ahead> {
  let last: { readonly untilMs: number; readonly plan: Recent<Ahead> } | undefined;
  return (untilMs, signal) => {
    if (!last || Math.abs(untilMs - last.untilMs) > planMs) {
      const plan = createRecent(engine.clock, (over) => inPass(engine, (pass) => make(untilMs, pass, over)));
      last = { untilMs, plan };
    }
    return last.plan.get(planMs, signal);
  };
}
