import { isFailure, reasonOf } from '../../core/errors/errors.ts';
import type { Identifier } from '../../core/names/identifier.ts';
import { failedAt, type Hop } from '../../core/request-path/hop.ts';
import type { StoredSpec } from '../../core/spec/spec.ts';
import { partFor } from '../../core/spec/spec-parts.ts';
import { present } from '../../core/text/present.ts';
import type { CaaQuestion, Engine } from '../engine.ts';
import { storedAccount } from '../ledger/account.ts';
import { askDirectory, checkMayRegister, checkProfile } from './ca.ts';
import { type DrawnPath, drawPaths } from './doctor.ts';
import { askCaa } from './preflight.ts';

/** What stands between a certificate that is not ordered yet and its CA. */
export interface ProofLook {
  /** What the CA itself asks for, once for all names. */
  readonly ca: readonly Hop[];
  /** The CAA records of each name, then the path of its proof, in the order of the names. */
  readonly names: readonly DrawnPath[];
}

/**
 * Looks at everything that the preflight of an order looks at, without an order: it asks the DNS, the DNS provider or
 * balancer, the CA for its directory, and the challenge's path at the addresses of the names. Changes nothing.
 *
 * @param mostMs how long it may take
 */
export async function lookAtProofs(
  engine: Engine,
  spec: StoredSpec,
  mostMs: number,
  signal: AbortSignal,
): Promise<ProofLook> {
  const [{ ca, caa }, paths] = await Promise.all([
    lookAtCa(engine, spec, mostMs, signal),
    drawPaths(engine, spec, signal, mostMs),
  ]);
  const names = paths.map((path) => ({ ...path, hops: [...(caa.get(path.identifier) ?? []), ...path.hops] }));
  return { ca, names };
}

interface CaLook {
  readonly ca: readonly Hop[];
  readonly caa: ReadonlyMap<string, readonly Hop[]>;
}

async function lookAtCa(engine: Engine, spec: StoredSpec, mostMs: number, signal: AbortSignal): Promise<CaLook> {
  const { name, settings } = spec.issuer;
  const deadline = engine.clock.deadline(mostMs, signal);
  try {
    const issuer = engine.connect.issuer(name, settings);
    const directory = await askDirectory({ engine, issuer, signal: deadline.signal });
    checkProfile(spec, directory.profiles);
    const account = await storedAccount(engine, spec, deadline.signal);
    if (account?.url === undefined) checkMayRegister(issuer, settings, directory);
    const about = { caaIdentities: directory.caaIdentities, accountUrl: account?.url };
    const found = await Promise.all(
      spec.identifiers.map(async (one) => [one.value, await caaOf(engine, spec, one, about, deadline.signal)] as const),
    );
    return { ca: [], caa: new Map(found) };
  } catch (error) {
    signal.throwIfAborted();
    if (!deadline.expired) return { ca: [failedAt('ca', error)], caa: new Map() };
    const finding = `${name} did not answer within ${mostMs / 1000} s`;
    return { ca: [{ at: 'ca', state: 'cannot-tell', finding }], caa: new Map() };
  } finally {
    deadline.done();
  }
}

type Asked = Pick<CaaQuestion, 'caaIdentities' | 'accountUrl'>;

async function caaOf(
  engine: Engine,
  spec: StoredSpec,
  identifier: Identifier,
  asked: Asked,
  signal: AbortSignal,
): Promise<readonly Hop[]> {
  const solver = await engine.connect.solver(partFor(spec, identifier.value)).catch(() => undefined);
  const question = { ...asked, challengeTypes: solver?.answers ?? [] };
  const looks = engine.connect.looks(spec.preflight);
  const found = await askCaa(looks, question, identifier, signal).catch((error: unknown) => {
    signal.throwIfAborted();
    if (isFailure(error, 'bug/')) throw error;
    return { verdict: 'cannot-tell', finding: reasonOf(error), advice: '' } as const;
  });
  if (!found) return [];
  const { verdict, finding, advice } = found;
  const state = ({ pass: 'well', no: 'broken', 'cannot-tell': 'cannot-tell' } as const)[verdict];
  const isNo = verdict === 'no';
  return [
    {
      at: 'caa',
      state,
      finding,
      ...present({ code: isNo ? 'preflight/no' : undefined, advice: isNo ? advice : undefined }),
    },
  ];
}
