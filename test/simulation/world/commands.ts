import { asFailure, fail } from '../../../src/core/errors/errors.ts';
import { Secret } from '../../../src/core/errors/secret.ts';
import type { Trigger } from '../../../src/core/history/run-entry.ts';
import type { Found } from '../../../src/core/lineage/found.ts';
import { pauseOf } from '../../../src/core/lineage/pause.ts';
import type { StoredSpec } from '../../../src/core/spec/spec.ts';
import { knownAccounts } from '../../../src/engine/accounts/accounts.ts';
import { giveUpRollover, rollover } from '../../../src/engine/accounts/change.ts';
import { adopt } from '../../../src/engine/acts/adopt.ts';
import { forget } from '../../../src/engine/acts/forget.ts';
import { forgetNode } from '../../../src/engine/acts/forget-node.ts';
import { changePause } from '../../../src/engine/acts/pause.ts';
import { revokeVersions } from '../../../src/engine/acts/revoke.ts';
import { rollBack } from '../../../src/engine/acts/rollback.ts';
import { type Engine, type EngineProcess, inPass } from '../../../src/engine/engine.ts';
import { reconcile } from '../../../src/engine/pass/reconcile.ts';
import { sweep } from '../../../src/engine/pass/sweep.ts';
import type { Job } from '../../../src/engine/run/job.ts';
import type { Command } from './asks.ts';

/** A key and a certificate that another client got. */
export interface OfOther {
  readonly keyPem: string;
  readonly chainPem: string;
}

/** Does what the command of that name does (src/fleet/), and returns what it prints. */
export const carryOut = (
  process: EngineProcess,
  command: Command,
  given: Given,
  signal: AbortSignal,
): Promise<string> =>
  inPass(process, (engine) => answerOf(engine, command, given, signal), triggers[command.asked.ask]);

interface Given {
  readonly wanted: ReadonlyMap<string, StoredSpec>;
  readonly other: OfOther | undefined;
}

const triggers: Readonly<Record<Command['asked']['ask'], Trigger | undefined>> = {
  'renew --force': 'renew',
  'renew --redeploy': 'renew',
  rollback: 'rollback',
  pause: undefined,
  resume: undefined,
  revoke: 'revoke',
  delete: 'delete',
  import: 'import',
  'account rollover': 'account',
  'account rollover --abort': 'account',
  sweep: 'sweep',
  'node forget': undefined,
};

async function answerOf(
  engine: Engine,
  { asked, node }: Command,
  { wanted, other }: Given,
  signal: AbortSignal,
): Promise<string> {
  switch (asked.ask) {
    case 'renew --force':
      return run(engine, jobFor(wanted, asked.certificate, { force: true }), signal);
    case 'renew --redeploy':
      return run(engine, jobFor(wanted, asked.certificate, { redeploy: true }), signal);
    case 'rollback': {
      const job = jobFor(wanted, asked.certificate, { redeploy: true });
      await rollBack(engine, { name: asked.certificate, wanted: job.wanted }, signal);
      return run(engine, job, signal);
    }
    case 'pause':
    case 'resume': {
      const { certificate: name, ask } = asked;
      const pause = ask === 'pause' ? pauseOf('ada', undefined, engine.clock.now()) : undefined;
      const lineage = await changePause(engine, { name, pause, by: 'ada' }, signal);
      return lineage ? ask : 'it is not there';
    }
    case 'revoke': {
      const { certificate: name, reason } = asked;
      const revoked = await revokeVersions(engine, { name, which: undefined }, { reason, by: 'account-key' }, signal);
      const isReplaced = revoked && reason === 'keyCompromise' && wanted.has(name);
      return isReplaced ? run(engine, jobFor(wanted, name, {}), signal) : `${revoked?.length} revoked`;
    }
    case 'delete': {
      const forgotten = await forget(engine, asked.certificate, { force: true }, signal);
      return forgotten ? `deleted; left: ${forgotten.left.join(', ')}` : 'it is not there';
    }
    case 'import': {
      const found = foundOf(other, wanted.get(asked.certificate));
      const declared = new Set(wanted.keys());
      const { certificates } = await adopt(engine, found, { dryRun: false, declared }, signal);
      return certificates.map(({ result, reason = '' }) => `${result} ${reason}`).join(', ');
    }
    case 'account rollover':
    case 'account rollover --abort': {
      const [account] = await knownAccounts(engine, {}, signal);
      if (!account) return 'there is no account';
      if (asked.ask === 'account rollover') await rollover(engine, account, undefined, signal);
      else await giveUpRollover(engine, account, signal);
      return 'done';
    }
    case 'sweep':
      return `${(await sweep(engine, signal)).failed.length} failed`;
    case 'node forget':
      return `known: ${await forgetNode(engine, node, signal)}`;
  }
}

/** What an importer reads of the other client, which renews the certificate in the same way. */
function foundOf(other: OfOther | undefined, spec: StoredSpec | undefined): Found {
  const { solver } = spec?.parts[0] ?? {};
  if (!other || !spec || !solver) return { accounts: [], certificates: [], remarks: [] };
  const { issuer, preflight } = spec;
  const settings = {
    ...{ issuer, preflight, solverOf: {}, solver: solver.name, solvers: { [solver.name]: solver.settings } },
    ...{ deployers: {}, wishes: {} },
  };
  const { chainPem } = other;
  const keyPem = new Secret(other.keyPem);
  const certificates = [{ name: spec.name, from: 'another client', keyPem, chainPem, settings, remarks: [] }];
  return { accounts: [], certificates, remarks: [] };
}

function jobFor(
  wanted: ReadonlyMap<string, StoredSpec>,
  name: string,
  how: { readonly force?: true; readonly redeploy?: true },
): Job {
  const spec = wanted.get(name);
  if (!spec) throw fail('lineage/not-issued', { name });
  const usual = { force: false, obeyBackoff: false, actsOnPaused: true, unattended: true };
  return { wanted: spec, origin: 'configuration', ...usual, ...how };
}

async function run(engine: Engine, job: Job, signal: AbortSignal): Promise<string> {
  const [outcome] = await reconcile(engine, [job], signal);
  if (outcome?.result === 'failed') throw asFailure(outcome.error);
  return `${outcome?.result}: ${outcome?.message}`;
}
