import { sameRequest } from '../../spec/same-spec.ts';
import type { StoredSpec } from '../../spec/spec.ts';
import { targetNames } from '../../spec/spec-parts.ts';
import { supersededAt } from '../deployments.ts';
import { isOnlyOwing } from '../lineage.ts';
import { beaten } from './lease.ts';
import type { Model } from './test-model.ts';
import { adopt, issue, type Path, type Process, revoke, rollBack, sweep as sweepOf } from './test-path.ts';

// Processes that work on one lineage, die or freeze between any two steps, and follow each other. For work.test.ts; no
// product code imports this.

/** The choices on the path of each process (0 continues), and what happens between processes (0 issues again). */
export interface Program {
  readonly path: readonly number[];
  readonly between: readonly number[];
}

/** Plays a program, then lets everything succeed until nothing is left to do. */
export function play(model: Model, program: Program): void {
  let path = program.path.values();
  const between = program.between.values();
  const choose = <T>(numbers: Iterator<number>, choices: readonly T[]): T =>
    choices[(numbers.next().value ?? 0) % choices.length] as T;
  let pid = 0;

  /** One process, up to its end or its death. */
  const live = (begin: (process: Process) => Path): void => {
    pid += 1;
    const process: Process = { pid, inFlight: [] };
    model.now = new Date(model.now.getTime() + 60_000);
    const steps = begin(process);
    let { done, value } = steps.next();
    while (!done && value) {
      const isHeld = model.lineage?.work?.lease?.holder.pid === pid;
      const choice = choose(path, [...value.choices, ...(isHeld ? ['dies', 'freezes', 'beat'] : [])]);
      if (choice !== 'on') model.trace.push(`${value.at}: ${choice}`);
      else model.trace.push(value.at);
      if (choice === 'dies' || choice === 'freezes') {
        model.isDoubtful = true;
        if (choice === 'dies') return;
        model.frozen.set(pid, process.inFlight);
        // Its probe is its own: no other process removes it, and this one does so when it goes on.
        for (const [key, { token }] of model.values) if (token === '') model.values.delete(key);
        return;
      }
      if (choice === 'beat') model.apply(beaten());
      else ({ done, value } = steps.next(choice));
    }
  };
  const run = (wanted: StoredSpec, aim: 'certificate' | 'delivery') => {
    model.trace.push(`# ${pid + 1} works on ${wanted.identifiers.map(({ value }) => value).join(' ')}, for a ${aim}`);
    live((process) => issue(model, process, wanted, aim));
  };
  const renew = () => {
    const { lineage } = model;
    if (!lineage || isOnlyOwing(lineage)) return;
    model.trace.push(`# ${pid + 1} renews it as it is stored`);
    live((process) => issue(model, process, lineage.spec, 'certificate', true));
  };
  const sweep = () => {
    model.trace.push(`# ${pid + 1} sweeps`);
    live((process) => sweepOf(model, process));
  };
  const pass = (hours: number) => {
    model.trace.push(`# ${hours} h pass`);
    model.now = new Date(model.now.getTime() + hours * 3_600_000);
    // After a day a frozen process is taken for dead.
    if (hours > 24) model.frozen.clear();
  };
  const thaw = () => {
    for (const [frozen, values] of model.frozen) {
      model.trace.push(`# what ${frozen} was presenting has come`);
      for (const value of values) model.present(value);
    }
    model.frozen.clear();
    model.check();
  };

  let wanted = model.wanted[0] as StoredSpec;
  const side: Readonly<Record<string, (process: Process) => Path>> = {
    import: () => adopt(model, wanted),
    rollback: (process) => rollBack(model, process, wanted),
    'revoke as superseded': (process) => revoke(model, process, 'superseded'),
    'revoke as compromised': (process) => revoke(model, process, 'keyCompromise'),
  };
  const main = [
    'issue',
    'another',
    'deliver',
    'deliver another',
    'sweep',
    'hour',
    'day',
    'stick',
    'expire',
    'thaw',
    'renew',
  ];
  const things = [...main, ...Object.keys(side)];
  for (const number of between) {
    const thing = things[number % things.length] ?? '';
    const enter = side[thing];
    if (enter) {
      model.trace.push(`# ${pid + 1}: ${thing}`);
      live(enter);
      continue;
    }
    if (thing.endsWith('another')) wanted = choose(between, model.wanted);
    if (thing === 'issue' || thing === 'another') run(wanted, 'certificate');
    else if (thing.startsWith('deliver')) run(wanted, model.lineage?.current ? 'delivery' : 'certificate');
    else if (thing === 'renew') renew();
    else if (thing === 'sweep') sweep();
    else if (thing === 'expire') model.expire();
    else if (thing === 'thaw') thaw();
    else if (thing === 'stick') model.isStuck = !model.isStuck;
    else pass(thing === 'hour' ? 1 : 25);
  }

  // From here on all goes well.
  path = [].values();
  model.isStuck = false;
  thaw();
  for (const hours of [0, 1, 25]) {
    pass(hours);
    sweep();
  }
  for (let turn = 0; turn < 3 && (turn === 0 || model.lineage?.work); turn += 1) run(wanted, 'certificate');
  for (const hours of [0, 1, 25]) {
    pass(hours);
    sweep();
  }
  const { lineage } = model;
  const current = lineage?.current;
  model.expect(current !== undefined && lineage !== undefined && sameRequest(lineage.spec, wanted), 'it is issued');
  model.expect(model.versions.has(current?.id ?? ''), 'the current version is stored');
  model.expect(lineage?.work === undefined && lineage?.tombstones === undefined, 'nothing is left to do');
  model.expect(model.values.size === 0, 'nothing is left in the world');
  model.checkKeys();
  for (const target of targetNames(wanted))
    model.expect(lineage !== undefined && supersededAt(lineage, target).length === 0, 'old uploads are gone');
}
