import type { WrongFields } from '../../compose.ts';
import { asFailure, type CertfleetError } from '../../core/errors/errors.ts';
import type { NamedConnection } from '../../core/spec/connection.ts';
import { present } from '../../core/text/present.ts';
import { type Engine, type EngineProcess, inPass } from '../../engine/engine.ts';
import { checkMayRegister } from '../../engine/looks/ca.ts';
import { tryProvider, tryRule } from '../challenges.ts';
import type { OpenFleet } from '../opened.ts';
import { sendTest } from '../send-test.ts';

/** What was done to try a connection. */
export interface TestStep {
  /** `zone`, `check`, `add`, `visible`, `remove`, `gone`, `listener`, `responder`, `healthy`, `answer`, `sent`, `directory`. */
  readonly step: string;
  /** What was found, in English. */
  readonly finding: string;
  readonly ms: number;
}

/** How a trial of a connection ended. */
export interface ConnectionTest {
  readonly ok: boolean;
  /** What went well, in order. */
  readonly steps: readonly TestStep[];
  readonly failure?: CertfleetError;
  /** Why what was made for the trial could not be removed. A sweep removes it. */
  readonly left?: string;
}

export type TryConnection = (
  connection: NamedConnection,
  zone: string | undefined,
  signal: AbortSignal,
) => Promise<ConnectionTest | { readonly wrong: WrongFields }>;

/** Tries declared connections, each in a way that leaves nothing. */
export function createConnectionTests(engine: EngineProcess, open: () => Omit<OpenFleet, 'engine'>): TryConnection {
  return (connection, zone = '', signal) =>
    inPass(engine, async (pass) => {
      const fleet = { ...open(), engine: pass };
      const host = await fleet.composed.hostName(zone);
      if (host === undefined && zone.trim() !== '') return { wrong: { zone: 'expected a name, like example.com' } };
      try {
        return await tried(fleet, connection, host, signal);
      } catch (error) {
        signal.throwIfAborted();
        return reported([], { error: asFailure(error) });
      }
    });
}

async function tried(
  fleet: OpenFleet,
  { section, name }: NamedConnection,
  host: string | undefined,
  signal: AbortSignal,
): Promise<ConnectionTest | { readonly wrong: WrongFields }> {
  const { engine, settings, composed } = fleet;
  if (section === 'alarms') return once(engine, 'sent', async () => (await sendTest(engine, name, signal)).type);
  if (section === 'issuers') return once(engine, 'directory', () => askDirectory(fleet, name, signal));
  const rule = await composed.ruleSolver(name);
  if (rule && (section === 'balancers' || rule.name === name)) {
    if (host === undefined && rule.settings['byHand'] === true)
      return { wrong: { zone: 'enter a host that the rule made by hand is for' } };
    const report = await tryRule(fleet, { solver: rule, host, told }, signal);
    return reported(report.steps, report);
  }
  const solver = settings.solvers[name];
  if (!solver || section !== 'solvers') return { wrong: { '': 'this cannot be tried without a certificate' } };
  if (host === undefined) return { wrong: { zone: 'enter a zone in which a record may be written' } };
  const { steps, error, left } = await tryProvider(fleet, { solver, below: host, told }, signal);
  return reported(steps, { error, left: left?.reason });
}

const told = () => {};

const reported = (
  steps: readonly TestStep[],
  { error: failure, left }: { readonly error?: CertfleetError | undefined; readonly left?: string | undefined } = {},
): ConnectionTest => ({
  ...{ ok: failure === undefined && left === undefined, steps },
  ...present({ failure, left }),
});

/** Tries what has one step. */
async function once({ clock }: Engine, step: string, run: () => Promise<string>): Promise<ConnectionTest> {
  const since = clock.monotonicMs();
  const finding = await run();
  return reported([{ step, finding, ms: Math.round(clock.monotonicMs() - since) }]);
}

async function askDirectory({ engine, settings }: OpenFleet, name: string, signal: AbortSignal): Promise<string> {
  const asked = settings.issuers[name]!;
  const issuer = engine.connect.issuer(name, asked);
  const directory = await issuer.directory(signal);
  // An account that has a name may be there already, and then needs no more.
  if (asked.account === undefined) checkMayRegister(issuer, asked, directory);
  const { termsOfService } = directory;
  return `${asked.directory}${termsOfService === undefined ? '' : `, terms of service: ${termsOfService}`}`;
}
