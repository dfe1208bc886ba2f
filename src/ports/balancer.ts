import type { Json } from '../core/text/json.ts';
import type { Readiness } from './solver.ts';

/**
 * Changes the forward rules of one listener of a load balancer. The `http01-forward-rule` solver decides which rules
 * there shall be, locks the balancer across processes, journals, waits and counts users; a balancer only makes the
 * listener's rules of one owner as wanted.
 *
 * - `inspect` and `state` change nothing, return at once and never wait for a change to take effect.
 * - `apply` MUST be repeatable, also after a lost answer or a crash in the middle: it looks for what it makes by its
 *   name. It MUST leave everything alone that does not have one of the owner's names ({@link OwnMark}).
 * - It waits, within the signal, while the balancer is busy with another change, and repeats throttled calls.
 * - Errors: `balancer/…`. `balancer/refused`, `balancer/not-found` and `balancer/redirects` mean that nothing was
 *   changed. On abort, each rejects with the signal's reason.
 */
export interface Balancer {
  /** `alibaba-clb`, `haproxy`… */
  readonly type: string;
  /** The lock that all changes of this balancer take, also those of a deployer: `alibaba-clb lb-bp1example`. */
  readonly resource: string;
  /** Tells listeners of one resource apart: `80`. */
  readonly listener: string;
  /**
   * `forward`: a rule sends the challenge path of a host to backends that run a responder. `fixed-response`: a rule
   * answers one token itself.
   */
  readonly mode: 'forward' | 'fixed-response';
  /**
   * How the listener chooses among rules that match. `host-first`: the rules of the request's host alone count, if it
   * has any, so a first rule for a host takes the host's other traffic away from the default. `best`: the rule that we
   * add wins for its path alone.
   */
  readonly matching: 'host-first' | 'best';
  /** In the mode `forward`: where the balancer reaches the responder of this process. */
  backend?(signal: AbortSignal): Promise<Backend>;
  /** Whether this server surely exists, as far as reading shows it. Without it, or if not, only `apply` shows it. */
  hasServer?(backend: Backend, signal: AbortSignal): Promise<boolean>;
  /** Reads the listener and all its rules. */
  inspect(signal: AbortSignal): Promise<Inspection>;
  /**
   * Makes the owner's objects on this listener exactly `wanted`: removes rules first, groups after them; then makes the
   * group with exactly these backends, and the rules. Resolves with a receipt (ids), which later calls get as `known`.
   */
  apply(wanted: WantedRules, known: Json | undefined, signal: AbortSignal): Promise<Json>;
  /** Whether the wanted rules are in effect and the backends healthy, in the balancer's own words. */
  state(wanted: WantedRules, receipt: Json, signal: AbortSignal): Promise<Readiness>;
  /** Everything of any owner that has certfleet's mark, for `sweep --lost`: rules before their groups. */
  owned(signal: AbortSignal): Promise<readonly OwnedObject[]>;
  /** Removes one of these, if it is still there. */
  removeOwned(object: OwnedObject, signal: AbortSignal): Promise<void>;
  close?(): Promise<void>;
}

/** Where the balancer sends a request. */
export interface Backend {
  /** What the balancer calls the server: an instance id or an address. */
  readonly server: string;
  readonly port: number;
  /** For clouds that need both: the address of a network interface. */
  readonly address?: string;
  /** The kind of server, if the balancer has several: `ecs`, `eni`. */
  readonly kind?: string;
}

export interface Inspection {
  /** All rules of the listener, those with certfleet's mark too. */
  readonly rules: readonly ListenerRule[];
  /** How many more rules the listener takes. */
  readonly rulesLeft: number;
  /** What the listener is, if that is not clear from its port: `port 80 redirects to the HTTPS listener 443`. */
  readonly listener?: string;
  /** The addresses of the balancer, if it says so. */
  readonly addresses?: readonly string[];
}

export interface ListenerRule {
  readonly name: string;
  /** `www.example.com`, `*.example.com`; undefined: every host. */
  readonly host?: string;
  /** A path prefix; undefined: every path. */
  readonly path?: string;
  /** What it does, for messages: `forwards to rsp-bp1`. */
  readonly action: string;
}

/** The rules that one owner shall have on a listener, and the one group that they share. */
export interface WantedRules {
  /** The owner's id: rules and groups of other owners stay. */
  readonly owner: string;
  /** In the mode `forward`, if there are rules. */
  readonly group?: WantedGroup;
  readonly rules: readonly WantedRule[];
}

export interface WantedGroup {
  /** At most 40 of `a-z0-9-`; see `core/path/own-mark.ts`. */
  readonly name: string;
  readonly backends: readonly Backend[];
  /** For the tags of the group: the lineage that it was made for first. */
  readonly lineage: string;
}

export interface WantedRule {
  /** At most 40 of `a-z0-9-`. */
  readonly name: string;
  readonly lineage: string;
  /** The host, perhaps with `*.`; undefined: for every host that no other rule names. */
  readonly host?: string;
  /** In the mode `forward` the prefix `/.well-known/acme-challenge/`, in `fixed-response` the whole path of a token. */
  readonly path: string;
  /** The body to answer, in the mode `fixed-response`. */
  readonly answer?: string;
}

/** An object at the balancer that carries certfleet's mark. */
export interface OwnedObject {
  /** `rule`, `group`… */
  readonly kind: string;
  readonly name: string;
  /** The balancer's own id; the name, if it has none. */
  readonly id: string;
}
