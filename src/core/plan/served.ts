import { cut } from '../errors/remote-text.ts';
import type { Deployment } from '../lineage/lineage.ts';

/**
 * What endpoints serve, by the last look at each, from best to worst. `foreign`: another certificate that is valid for
 * the name. `silent`: no answer. `broken`: a failed handshake. `unseen`: no look yet.
 */
export const servedStates = ['none', 'current', 'unseen', 'changing', 'stale', 'foreign', 'silent', 'broken'] as const;
export type ServedState = (typeof servedStates)[number];

/** What the endpoints of a certificate serve. */
export interface Served {
  /** That of the worst endpoint; `none` if there is no endpoint to look at. */
  readonly state: ServedState;
  readonly endpoints: number;
  /** How many of them serve the current version. */
  readonly current: number;
  /** What the worst endpoint serves instead, or why it does not answer. */
  readonly words?: string;
}

type Known = Pick<Deployment, 'state' | 'code' | 'params'>;

/** Of a code about an endpoint that is not up to date; another one is about what is served meanwhile. */
const stateOfCode: Readonly<Record<string, ServedState>> = {
  'deploy/foreign': 'foreign',
  'deploy/no-answer': 'silent',
  'deploy/handshake-failed': 'broken',
  'deploy/no-handshake': 'broken',
  'deploy/settling': 'changing',
};

const stateOf = (known: Known | undefined): ServedState => {
  if (!known) return 'unseen';
  if (known.state === 'current') return 'current';
  if (known.state === 'intended') return 'changing';
  return stateOfCode[known.code ?? ''] ?? 'stale';
};

/** A list shows one line of it. */
const mostWords = 200;

/** Returns what the looks at a certificate's endpoints have found, which its document keeps. */
export function servedAt(endpoints: readonly string[], deployments: Readonly<Record<string, Known>>): Served {
  let [worst, words] = ['none' as ServedState, ''];
  let current = 0;
  for (const endpoint of endpoints) {
    const known = deployments[endpoint];
    const state = stateOf(known);
    if (state === 'current') current++;
    if (servedStates.indexOf(state) <= servedStates.indexOf(worst)) continue;
    worst = state;
    const { served, reason } = known?.params ?? {};
    const found = state === 'current' ? undefined : (served ?? reason);
    words = found === undefined ? '' : cut(`${endpoint}: ${found}`, mostWords);
  }
  const common = { state: worst, endpoints: endpoints.length, current };
  return words === '' ? common : { ...common, words };
}
