/** A change of the product that takes a promise away. Some world must notice it. */
export interface Mutant {
  readonly name: string;
  readonly file: string;
  /** Occurs exactly once in the file. */
  readonly text: string;
  readonly instead: string;
  /** A world that notices it. */
  readonly seed: number;
}

export const mutants: readonly Mutant[] = [
  {
    seed: 9,
    name: 'a lease that may be over is not proved before an effect',
    file: 'src/engine/locks/held.ts',
    text: 'if (!this.#lost.signal.aborted && (await this.#session.prove(signal))) return;',
    instead: 'if (!this.#lost.signal.aborted) return void signal;',
  },
  {
    seed: 3,
    name: 'a lease is taken before its holder was silent for its whole length',
    file: 'src/engine/locks/fence.ts',
    text: 'const untilMs = sinceMs + limits.leaseTtlMs;',
    instead: 'const untilMs = sinceMs + limits.leaseTtlMs / 12;',
  },
  {
    seed: 3,
    name: 'a lease is taken without a fence before the session of its holder',
    file: 'src/engine/locks/fence.ts',
    text: 'if (!lease.session || (await this.#fence(lease.session, sign, signal))) return undefined;',
    instead: 'if (clock.monotonicMs() > untilMs || isDead) return undefined;',
  },
  {
    seed: 4,
    name: 'a sign of life is believed although the session was fenced',
    file: 'src/engine/locks/session.ts',
    text: 'if (!(await this.#place.write(this.#session, this.#isNew, signal))) return this.#lose();',
    instead: 'await this.#place.write(this.#session, this.#isNew, signal);',
  },
  {
    seed: 1,
    name: 'a lease is taken without compare-and-set',
    file: 'src/engine/locks/held.ts',
    text: 'held.#revision = await store.put(what.key, bytes, { ifRevision: taking.ifRevision, signal });',
    instead: `const there = await store.get(what.key, signal);
      held.#revision = await store.put(what.key, bytes, { ifRevision: there?.revision ?? null, signal });`,
  },
  {
    seed: 1,
    name: 'the private key is not stored',
    file: 'src/engine/path/steps/keys-and-versions.ts',
    text: "await engine.store.put(keyOf('key', version), encodeDocument(document), { ifRevision: null, signal });",
    instead: 'void document;',
  },
  {
    seed: 1,
    name: 'challenges are presented before they are in the journal',
    file: 'src/engine/path/steps/challenges.ts',
    text: 'await holding.apply(challengesIntended({ thumbprint, accountUrl, challenges: chosen }), signal);\n  await presentAll(run, chosen);',
    instead: `const work = { ...holding.work, thumbprint, accountUrl, challenges: chosen };
  const early = { work, effect: (s, act) => holding.effect(s, act), apply: async () => {} };
  await presentAll({ ...run, holding: early }, chosen);
  await holding.apply(challengesIntended({ thumbprint, accountUrl, challenges: chosen }), signal);`,
  },
  {
    seed: 1,
    name: 'a version becomes current before it is stored',
    file: 'src/engine/path/obtain.ts',
    text: 'await together([storeVersion(engine, version, { ...current, chainPem }, signal), countIssued(run)]);',
    instead:
      'together([storeVersion(engine, version, { ...current, chainPem }, signal), countIssued(run)]).catch(() => {});',
  },
  {
    seed: 3,
    name: 'an order that is alive is not kept',
    file: 'src/engine/path/steps/order.ts',
    text: "return order && order.status !== 'invalid' && !isExpired(run, order) ? order : undefined;",
    instead: "return order && order.status === 'pending' && !isExpired(run, order) ? order : undefined;",
  },
  {
    seed: 14,
    name: 'finalize is repeated without a look at the order',
    file: 'src/engine/path/steps/finalize.ts',
    text: 'return look();\n    }',
    instead: 'return send(csrDer);\n    }',
  },
  {
    seed: 4,
    name: 'nothing is looked at again after work was taken over',
    file: 'src/core/lineage/work/parts.ts',
    text: '  work.takenOver\n    ? oneForEach',
    instead: '  !work\n    ? oneForEach',
  },
  {
    seed: 36,
    name: 'a busy CA may hold a certificate beyond half of its validity',
    file: 'src/core/ca/retry-after.ts',
    text: 'return new Date(Math.min(retryAt.getTime(), cap));',
    instead: 'return new Date(Math.max(retryAt.getTime(), Math.min(cap, 0)));',
  },
  {
    seed: 2,
    name: 'an order is sent before what it costs is stored',
    file: 'src/engine/ledger/limits.ts',
    text: 'const spending = changeDocument(engine, document, change, signal, gatheringOf(engine, order));',
    instead: `const known = arrivals.get(bucket.key);
  const spending = Promise.resolve(change(new Map(known === undefined ? [] : [[hash, known]])));
  void [document, gatheringOf];`,
  },
  {
    seed: 13,
    name: 'what a wrong clock has stored is believed',
    file: 'src/core/lineage/stored-time.ts',
    text: 'Date.parse(at) > now.getTime() + clockErrorMs;',
    instead: 'Date.parse(at) > now.getTime() + clockErrorMs * 1e9;',
  },
  {
    seed: 5,
    name: 'a rollover whose answer was lost is never settled',
    file: 'src/engine/ledger/account-key.ts',
    text: "if (answer === 'known') return useKey(engine, found, keyPem, signal);",
    instead: "if (answer === 'known') continue;",
  },
  {
    seed: 29,
    name: 'a sweep does not finish a revocation',
    file: 'src/core/plan/wake.ts',
    text: 'owesCleanup(work) || lineage.revoking !== undefined;',
    instead: 'owesCleanup(work);',
  },
  {
    seed: 4,
    name: 'what one CA asks for holds the certificates of all',
    file: 'src/engine/ledger/ca-hold.ts',
    text: 'const keyOf = (directory: string): Key',
    instead: "const keyOf = (_directory: string, directory = 'all'): Key",
  },
  {
    seed: 6,
    name: 'what an endpoint no longer serves is not repaired',
    file: 'src/engine/steady/watch.ts',
    text: 'if (drifts.size === 0) return;',
    instead: 'if (drifts.size >= 0) return;',
  },
  {
    seed: 6,
    name: 'a node does not look at its own targets',
    file: 'src/engine/delivery/node-targets.ts',
    text: 'return found.includes(true);',
    instead: 'return found.length < 0;',
  },
  {
    seed: 3,
    name: 'a certificate that is paused is renewed',
    file: 'src/core/plan/plan.ts',
    text: 'if (lineage?.paused && !options.actsOnPaused) {',
    instead: 'if (lineage?.paused && options.redeploy) {',
  },
  {
    seed: 1,
    name: 'a message counts as sent once it is written',
    file: 'src/engine/alarms/alarms.ts',
    text: 'return due.length > 0 ? claimed(before, processes.self(), now) : before;',
    instead: `const sent = due.map((notifier) => ({ notifier, serial: before.serial, hasFailed: false }));
        return due.length > 0 ? claimed(afterSending(before, { sent, names, now }), processes.self(), now) : before;`,
  },
  {
    seed: 1,
    name: 'an alarm is told again before a day is over',
    file: 'src/core/alarm/open-alarms.ts',
    text: 'const waitedMs = agoMs(toldAt) - rhythm.repeatMs;',
    instead: 'const waitedMs = agoMs(toldAt) - rhythm.repeatMs / 8;',
  },
];

/** Returns the source of the file with the change. */
export function mutated({ name, file, text, instead }: Mutant, source: string): string {
  const [before, after, ...more] = source.split(text);
  if (before === undefined || after === undefined || more.length > 0)
    throw new Error(`the text of the mutant "${name}" does not occur exactly once in ${file}`);
  return `${before}${instead}${after}`;
}
