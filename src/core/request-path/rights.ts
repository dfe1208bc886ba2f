import type { Hop } from './hop.ts';

/** Whether credentials allow one action of an API, as far as calls show it that change nothing. */
export interface Right {
  /** `slb:CreateRules` */
  readonly action: string;
  /**
   * `doubtful`: the API refused it for an object that does not exist, which a policy for certain objects may do, too.
   * `untried`: no call would certainly change nothing.
   */
  readonly state: 'allowed' | 'denied' | 'doubtful' | 'untried';
  /** The API's own words. */
  readonly reason?: string;
}

/** Describes the rights of the credentials. */
export function rightsHop(rights: readonly Right[]): Hop {
  const of = (state: Right['state']) => rights.filter((right) => right.state === state).map(({ action }) => action);
  const [denied, doubtful, untried] = [of('denied'), of('doubtful'), of('untried')];
  const not = untried.length === 0 ? '' : `; not tried, because that could change something: ${untried.join(', ')}`;
  if (denied.length > 0)
    return {
      at: 'rights',
      state: 'broken',
      code: 'balancer/refused',
      reason: 'missing-right',
      finding: `the credentials do not allow ${denied.join(', ')} (${rights.find(({ state }) => state === 'denied')?.reason ?? 'refused'})${not}`,
      advice: 'Add these actions to the policy of the user or role; the reference has the whole policy.',
    };
  if (doubtful.length > 0)
    return {
      at: 'rights',
      state: 'cannot-tell',
      reason: 'missing-right',
      finding: `the credentials may not allow ${doubtful.join(', ')}: the API refuses them for an object that does not exist${not}`,
      advice:
        'If the policy names certain load balancers or domains only, that may be right. For a balancer, `certfleet balancer test` shows it.',
    };
  // An order fails for want of a right to change, so a tick for those to read would mislead.
  if (untried.length > 0 && untried.length * 3 >= rights.length)
    return {
      at: 'rights',
      state: 'cannot-tell',
      finding: `${of('allowed').length} of ${rights.length} actions were tried, and are allowed; whether the credentials allow the others cannot be tried without a change: ${untried.join(', ')}`,
      advice:
        'Compare the policy of the user or role with the one in the reference. For a balancer, `certfleet balancer test` shows it.',
    };
  return {
    at: 'rights',
    state: 'well',
    finding: `${of('allowed').length} of ${rights.length} actions were tried${not}`,
  };
}
