import { fail, reasonOf } from '../../core/errors/errors.ts';
import type { Secret } from '../../core/errors/secret.ts';
import { certificateRefused } from '../../core/lineage/work/order.ts';
import { newVersionId } from '../../core/names/version-id.ts';
import type { Pki } from '../../ports/pki.ts';
import { report } from '../engine.ts';
import { ask } from '../run/ask.ts';
import { nameOf, type OrderRun } from '../run/run.ts';

export type Chain = ReturnType<Pki['readChain']> & {
  readonly chainPem: string;
  /** The common names of its issuers. */
  readonly issuers: readonly string[];
};

/** Reads and verifies the chain. A wrong chain ends the order and its version, because another download returns the same one. */
export async function readChain(run: OrderRun, chainPem: string, keyPem: Secret): Promise<Chain> {
  const { engine, issuer, holding, signal } = run;
  const read = await checkChain(run, chainPem, keyPem);
  if ('chain' in read) return read.chain;
  const { reason, cause } = read;
  await holding.apply(certificateRefused(newVersionId(engine.random, engine.clock.now())), signal);
  throw fail('acme/wrong-certificate', { issuer: issuer.name, reason }, { cause });
}

/** Returns a chain that was compared with the request and verified, or what is wrong with it. */
async function checkChain(
  { engine, job }: OrderRun,
  chainPem: string,
  keyPem: Secret,
): Promise<{ readonly chain: Chain } | { readonly reason: string; readonly cause?: unknown }> {
  let chain: ReturnType<Pki['readChain']>;
  try {
    chain = engine.pki.readChain(chainPem);
  } catch (cause) {
    return { reason: 'it cannot be read', cause };
  }
  const { certificates } = chain;
  const now = engine.clock.now();
  const mismatch = engine.pki.mismatch(certificates[0] ?? '', keyPem, job.wanted.identifiers, now);
  if (mismatch !== undefined) return { reason: mismatch };
  // Only a private CA without an intermediate sends a leaf alone; its root must then be in the issuer's `caFile`.
  const roots = certificates.length > 1 ? '' : await engine.connect.roots(job.wanted.issuer.settings);
  const broken = engine.pki.brokenChain(certificates, roots, now);
  if (broken !== undefined) return { reason: broken };
  return { chain: { ...chain, chainPem: certificates.join(''), issuers: engine.pki.issuerNames(certificates) } };
}

/** More than any CA offers. */
const mostAlternates = 10;

/**
 * Returns the chain with the issuer that the user prefers, if the CA offers one. If not, it warns and returns the CA's
 * default chain: a certificate with another chain is better than none.
 */
export async function preferred(
  run: OrderRun,
  usual: Chain,
  { alternates, keyPem }: { readonly alternates: readonly string[]; readonly keyPem: Secret },
): Promise<Chain> {
  const { account, issuer, job, signal } = run;
  const { preferredChain: wanted } = job.wanted;
  if (wanted === undefined || usual.issuers.includes(wanted)) return usual;
  const offered = [usual.issuers.join(' → ')];
  for (const url of alternates.slice(0, mostAlternates)) {
    let reason: string;
    try {
      const read = await checkChain(run, await ask(run, () => account.downloadAlternate(url, signal)), keyPem);
      if ('chain' in read) {
        if (read.chain.issuers.includes(wanted)) return read.chain;
        offered.push(read.chain.issuers.join(' → '));
        continue;
      }
      reason = read.reason;
    } catch (error) {
      signal.throwIfAborted();
      reason = reasonOf(error);
    }
    warn(run, `another chain of ${issuer.name} cannot be used: ${reason}`);
  }
  const all = offered.map((names) => `"${names}"`).join(', ');
  warn(run, `${issuer.name} offers no chain with "${wanted}", so its usual one is used; it offers ${all}`);
  return usual;
}

const warn = (run: OrderRun, message: string): void =>
  report(run.engine, { level: 'warn', event: 'log', certificate: nameOf(run), message });
