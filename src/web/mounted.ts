import type { Access } from '../access/access.ts';
import { createApi } from '../api/routes.ts';
import { createRecent, type Recent } from '../core/async/recent.ts';
import { stackOf } from '../core/errors/errors.ts';
import type { Ahead } from '../core/plan/ahead.ts';
import { type Engine, type EngineProcess, inPass, report } from '../engine/engine.ts';
import { drawNamed } from '../fleet/challenges.ts';
import type { RunningFleet, Shown } from '../fleet/run.ts';
import { sendTest } from '../fleet/send-test.ts';
import { createActions } from '../fleet/web/actions.ts';
import { createChecks } from '../fleet/web/checks.ts';
import { createConnectionTests } from '../fleet/web/connection-test.ts';
import { createConnections } from '../fleet/web/connections.ts';
import { createDeclarations } from '../fleet/web/declarations.ts';
import { inTurns } from '../fleet/web/drawing.ts';
import { createKeys } from '../fleet/web/keys.ts';
import { createView } from '../fleet/web/view.ts';
import { createPages } from '../pages/pages.tsx';

/** Makes the pages and the API. */
export async function mountWeb(fleet: RunningFleet, { stopping, ...shown }: Shown, access: Access) {
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
    inPass(engine, (pass) => drawNamed({ ...open(), engine: pass }, [name], signal)),
  );
  const ofSettings = {
    access,
    notifiers: () => Object.entries(settings().alarms).map(([name, one]) => ({ name, type: one.settings.type })),
    test: (name: string, signal: AbortSignal) =>
      inPass(engine, async (pass) => void (await sendTest(pass, name, signal))),
    configuration: composed.shown,
  };
  const plan = createPlans(engine, async (untilMs, pass, signal) => {
    const { planOf } = await import('../fleet/plan.ts');
    return planOf({ ...open(), engine: pass }, { names: [], untilMs }, signal);
  });
  const failed = (error: unknown) =>
    report(engine, { level: 'warn', event: 'log', message: `the API: ${stackOf(error)}` });
  const life = Buffer.from(engine.random.bytes(6)).toString('base64url');
  const shownTo = { view, actions, keys, clock: engine.clock, draw, life };
  return {
    pages: createPages({ ...shownTo, audit, declarations, connections, checks, settings: ofSettings }),
    api: createApi({ ...shownTo, access, declarations, connections, checks, plan, failed }),
    settle: actions.settle,
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
