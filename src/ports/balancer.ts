import type { Right } from '../core/request-path/rights.ts';
import type { Json } from '../core/text/json.ts';
import type { Readiness } from './solver.ts';

/**
 * Changes the forward rules of one listener of a load balancer. The `http01-forward-rule` solver decides which rules
 * should exist, locks the balancer across processes, journals, waits and counts users; a balancer only makes one
 * owner's rules on the listener match what is wanted.
 *
 * - `inspect` and `state` change nothing, return at once and never wait for a change to take effect.
 * - `apply` MUST be repeatable, even after a lost response or a crash in the middle: it finds existing objects by their
 *   names. It MUST leave everything alone that does not have one of the owner's names ({@link OwnMark}).
 * - `apply` waits, within the signal, while the balancer is busy with another change, and repeats throttled calls.
 * - Errors: `balancer/…`. `balancer/refused`, `balancer/not-found` and `balancer/redirects` mean that nothing was
 *   changed. On abort, each rejects with the signal's reason.
 */
export interface Balancer {
  /** `alibaba-clb`, `haproxy`… */
  readonly type: string;
  /** The lock that protects all changes of this balancer, including a deployer's: `alibaba-clb lb-bp1example`. */
  readonly resource: string;
  /** Distinguishes the listeners of one resource: `80`. */
  readonly listener: string;
  /**
   * `forward`: a rule sends a host's challenge path to backends that run a responder. `fixed-response`: a rule answers
   * one token itself.
   */
  readonly mode: 'forward' | 'fixed-response';
  /** In the mode `forward`: returns the address at which the balancer reaches this process's responder. */
  backend?(signal: AbortSignal): Promise<Backend>;
  /**
   * Reports whether this server certainly exists, as far as reading shows. Without this method, or if it returns false,
   * only `apply` shows it.
   */
  hasServer?(backend: Backend, signal: AbortSignal): Promise<boolean>;
  /** Returns where a rule of someone else leads, or undefined if that is unknown; changes nothing. */
  backendsOf?(rule: ListenerRule, signal: AbortSignal): Promise<readonly Backend[] | undefined>;
  /** Reads the listener and all its rules. */
  inspect(signal: AbortSignal): Promise<Inspection>;
  /**
   * Makes the owner's objects on this listener exactly `wanted`: first removes rules, then groups; then creates the
   * group with exactly these backends, and the rules. Resolves with a receipt (IDs), which later calls get as `known`.
   */
  apply(wanted: WantedRules, known: Json | undefined, signal: AbortSignal): Promise<Json>;
  /** Reports whether the wanted rules are in effect and the backends healthy, in the balancer's own words. */
  state(wanted: WantedRules, receipt: Json, signal: AbortSignal): Promise<Readiness>;
  /**
   * Reports whether this backend is healthy, whatever rule leads to it, in the balancer's own words; returns at once.
   * Undefined if the credentials do not allow to see it, or if nothing checks it.
   */
  health?(backend: Backend, signal: AbortSignal): Promise<Readiness | undefined>;
  /** Returns what the credentials allow, as far as calls show it that change nothing, for `doctor`. */
  rights?(signal: AbortSignal): Promise<readonly Right[]>;
  /** Returns everything that carries certfleet's mark, of any owner, for `sweep --lost`: rules before their groups. */
  owned(signal: AbortSignal): Promise<readonly OwnedObject[]>;
  /** Removes one of these objects, if it still exists. */
  removeOwned(object: OwnedObject, signal: AbortSignal): Promise<void>;
  close?(): Promise<void>;
}

/** Where the balancer sends a request. */
export interface Backend {
  /** The balancer's name for the server: an instance ID or an address. */
  readonly server: string;
  readonly port: number;
  /** For clouds that need both: the address of a network interface. */
  readonly address?: string;
  /** The kind of server, if the balancer has several kinds: `ecs`, `eni`. */
  readonly kind?: string;
}

export interface Inspection {
  /**
   * How the listener chooses among matching rules. `host-first`: if the request's host has rules, only those count, so
   * the first rule for a host takes the host's other traffic away from the default. `best`: the rule that we add wins
   * for its path only.
   */
  readonly matching: 'host-first' | 'best';
  /**
   * If each rule must name a host: the host whose rules also get the requests for hosts without rules, or null if the
   * listener has none.
   */
  readonly defaultHost?: string | null;
  /** All rules of the listener, including those with certfleet's mark. */
  readonly rules: readonly ListenerRule[];
  /** How many more rules the listener accepts. */
  readonly rulesLeft: number;
  /**
   * A description of the listener, if its port does not make it clear: `port 80 redirects to the HTTPS listener 443`.
   */
  readonly listener?: string;
  /** The balancer's addresses, if it reports them. */
  readonly addresses?: readonly string[];
}

export interface ListenerRule {
  readonly name: string;
  /** `www.example.com`, `*.example.com`, `www.example.*`; undefined means every host that no other rule names. */
  readonly host?: string;
  /** A path prefix; undefined means every path. */
  readonly path?: string;
  /** What the rule does, for messages: `forwards to rsp-bp1`. */
  readonly action: string;
}

/** The rules that one owner should have on a listener, and the one group that they share. */
export interface WantedRules {
  /** The owner's ID. Rules and groups of other owners stay. */
  readonly owner: string;
  /** In the mode `forward`, if there are rules. */
  readonly group?: WantedGroup;
  readonly rules: readonly WantedRule[];
}

export interface WantedGroup {
  /** At most 40 of `a-z0-9-`; see `core/request-path/own-mark.ts`. */
  readonly name: string;
  readonly backends: readonly Backend[];
  /** For the group's tags: the lineage for which it was first created. */
  readonly lineage: string;
}

export interface WantedRule {
  /** At most 40 of `a-z0-9-`. */
  readonly name: string;
  readonly lineage: string;
  /** The host, perhaps with `*.`; undefined means every host that no other rule names. */
  readonly host?: string;
  /**
   * In the mode `forward`, the prefix `/.well-known/acme-challenge/`; in `fixed-response`, the whole path of a token.
   */
  readonly path: string;
  /** The body to answer, in the mode `fixed-response`. */
  readonly answer?: string;
}

/** An object at the balancer that carries certfleet's mark. */
export interface OwnedObject {
  /** `rule`, `group`… */
  readonly kind: string;
  readonly name: string;
  /** The balancer's own ID, or the name if it has none. */
  readonly id: string;
}
