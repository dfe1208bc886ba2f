import { isFailure, reasonOf } from '../../core/errors/errors.ts';
import type { Clock } from '../../ports/clock.ts';
import { withAdvice } from '../http/balancer-errors.ts';
import { isRefusedDomain, type SslHost, type SslHosts } from './ssl-hosts.ts';

// What becomes of certificates at the domains of a product: the service's lists tell who has one, and its records who
// gets it, and why not. The service runs one deployment of a certificate at a time.

/** The domains of a product, for one certificate. */
export interface Rollout {
  readonly has: ReadonlySet<string>;
  /** Those that could get it, without those that have it. */
  readonly lacking: readonly SslHost[];
  /** Those to which it is being deployed. */
  readonly changing: ReadonlySet<string>;
  /** Why others refused it, by the last deployment. */
  readonly refusals: ReadonlyMap<string, string>;
}

export interface Rollouts {
  /** Notes that this process uploaded the certificate just now, so that no domain has it. */
  begin(certificate: string): void;
  /** Looks at all domains. While a deployment of this process is under way, asks only how far it is. */
  look(certificate: string, signal: AbortSignal): Promise<Rollout>;
  /**
   * Deploys to these domains, whose list `choose` returns for what is there now. Tries those that the service refuses
   * together in halves. Waits for earlier deployments of the certificate, but not for the last one.
   */
  deploy(
    certificate: string,
    choose: (now: Rollout) => Promise<readonly SslHost[]>,
    signal: AbortSignal,
  ): Promise<Rollout>;
}

interface State {
  isNew: boolean;
  /** The deployment that is under way, and its domains of this product. */
  going: Going | undefined;
  has: Set<string>;
  lacking: readonly SslHost[];
  readonly refusals: Map<string, string>;
}

interface Going {
  readonly record: string;
  readonly domains: ReadonlySet<string>;
  /** Whether it ends after the lists were read, so that they do not show what it has done. */
  readonly isLater: boolean;
}

const pollMs = 10_000;
/** More domains are deployed to one part after the other. */
const mostAtOnce = 100;

export function createRollouts(hosts: SslHosts, clock: Clock): Rollouts {
  const states = new Map<string, State>();
  const stateOf = (id: string): State => {
    const state = states.get(id) ?? {
      isNew: false,
      going: undefined,
      has: new Set(),
      lacking: [],
      refusals: new Map(),
    };
    states.set(id, state);
    return state;
  };
  const shown = ({ has, lacking, going, refusals }: State): Rollout => ({
    ...{ has, refusals, changing: going?.domains ?? new Set() },
    lacking: lacking.filter((one) => !has.has(one.domain)),
  });

  async function survey(id: string, state: State, signal: AbortSignal): Promise<void> {
    const having = state.isNew ? [] : await hosts.find('having', id, signal);
    state.isNew = false;
    state.lacking = await hosts.find('lacking', id, signal);
    state.has = new Set(having.map((one) => one.domain));
  }

  /**
   * Asks how far the deployment is. Once it is over, its domains have the certificate or have refused it. Returns whether
   * the record tells of each domain.
   */
  async function follow(state: State, signal: AbortSignal): Promise<boolean> {
    const { going } = state;
    if (!going) return false;
    const { isOver, domains } = await hosts.progress(going.record, signal);
    const named = [...going.domains].filter((domain) => domains?.has(domain));
    if (!isOver) {
      if (named.length > 0) state.going = { ...going, domains: new Set(named) };
      return true;
    }
    state.going = undefined;
    // The record of another product may have domains of the same names, which do not count here.
    for (const domain of going.domains) {
      const told = domains?.get(domain);
      if (told?.failed !== undefined) state.refusals.set(domain, told.failed);
      else if (told && going.isLater) state.has.add(domain);
    }
    return named.length === going.domains.size;
  }

  /** Deploys to domains of one region, after the deployment that is under way. */
  async function send(id: string, some: readonly SslHost[], signal: AbortSignal): Promise<void> {
    const state = stateOf(id);
    const domains = new Set(some.map((one) => one.domain));
    for (let isLost = false; ; ) {
      while (state.going) {
        await follow(state, signal);
        if (state.going) await clock.sleep(pollMs, signal);
      }
      try {
        const { record, isNew } = await hosts.deploy(id, some, signal);
        // Another record is this product's, or that of another product, which is waited for.
        const isOurs = isNew || isLost || (await hosts.latest(id, signal)) === record;
        state.going = { record, domains: isOurs ? domains : new Set(), isLater: true };
        if (isOurs) return;
      } catch (error) {
        signal.throwIfAborted();
        if (isRefusedDomain(error) && some.length === 1) {
          state.refusals.set(some[0]!.domain, reasonOf(withAdvice(error)));
          return;
        }
        if (isRefusedDomain(error)) {
          const half = Math.ceil(some.length / 2);
          await send(id, some.slice(0, half), signal);
          return send(id, some.slice(half), signal);
        }
        if (isLost || !isFailure(error, 'balancer/unreachable', 'balancer/failed')) throw error;
        // The answer was lost: what has the certificate by now must not be sent again.
        isLost = true;
        await survey(id, state, signal);
        const { lacking } = shown(state);
        if (!lacking.some((one) => domains.has(one.domain))) return;
      }
    }
  }

  return {
    begin(id) {
      stateOf(id).isNew = true;
    },
    async look(id, signal) {
      const state = stateOf(id);
      // The lists that were read before are those of the domains to which this process deploys.
      if (state.going?.isLater && (await follow(state, signal))) return shown(state);
      state.isNew = false;
      await survey(id, state, signal);
      if (shown(state).lacking.length === 0) return shown(state);
      // Another process may have deployed it. The lists are newer than its record.
      const record = await hosts.latest(id, signal);
      const open = shown(state).lacking.filter((one) => one.whyNot === undefined);
      if (record !== undefined) {
        state.going = { record, domains: new Set(open.map((one) => one.domain)), isLater: false };
        await follow(state, signal);
      }
      return shown(state);
    },
    async deploy(id, choose, signal) {
      const state = stateOf(id);
      await survey(id, state, signal);
      if (state.going) state.going = { ...state.going, isLater: false };
      await follow(state, signal);
      state.refusals.clear();
      const chosen = await choose(shown(state));
      for (const region of new Set(chosen.map((one) => one.region))) {
        const some = chosen.filter((one) => one.region === region);
        for (let at = 0; at < some.length; at += mostAtOnce) await send(id, some.slice(at, at + mostAtOnce), signal);
      }
      return shown(state);
    },
  };
}
