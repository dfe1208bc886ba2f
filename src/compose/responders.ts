import { adapterEntry } from '../config/registry/registry.ts';
import { usualCheckPath } from '../core/ca/challenge-path.ts';
import { parseHostPort } from '../core/names/host-port.ts';
import { hasAlso } from '../core/names/listen-address.ts';
import { optionsOf } from '../core/spec/as-written.ts';
import { canonical } from '../core/spec/same-spec.ts';
import type { AdapterSettings } from '../core/spec/spec.ts';
import { present } from '../core/text/present.ts';
import type { SolverContext } from '../define.ts';
import { registry } from '../generated/registry.ts';
import type { AlpnResponder, Responder, ResponderParts } from '../ports/responder.ts';
import { pki } from '../x509/pki.ts';

/** The responders of a process: one for each listen address, which all of its solvers share. */
export interface Responders extends Pick<SolverContext<unknown>, 'responder' | 'alpnResponder'> {
  /** Returns those at which solvers answer. The caller closes them. */
  of(solvers: readonly AdapterSettings[]): Promise<readonly ServingResponder[]>;
}

export type ServingResponder = Pick<Responder, 'address' | 'serve' | 'close'>;

export function createResponders(parts: ResponderParts): Responders {
  const sharedResponder = createShared<Responder>();
  const sharedAlpnResponder = createShared<AlpnResponder>();

  const responder: Responders['responder'] = ({ listen, fallback, healthCheck = usualCheckPath }, create) => {
    const to = fallback === undefined ? undefined : parseHostPort(fallback);
    const make = () => create({ listen, healthCheck, ...present({ fallback: to }) }, parts);
    return sharedResponder(canonical([listen, fallback ?? null, healthCheck]), make);
  };

  const alpnResponder: Responders['alpnResponder'] = (listen, create) =>
    sharedAlpnResponder(listen, () => create({ listen }, { ...parts, pki }));

  async function listenerOf(settings: AdapterSettings) {
    const definition = await adapterEntry(registry, 'solver', settings.type)?.load();
    if (!definition?.listensFor) return undefined;
    const options = definition.options.parse(optionsOf(settings)) as Parameters<Responders['responder']>[0];
    return { ...options, of: definition.listensFor };
  }

  return {
    ...{ responder, alpnResponder },
    async of(solvers) {
      const different = new Map(solvers.map((one) => [canonical(one), one]));
      const listeners = (await Promise.all([...different.values()].map(listenerOf))).filter((one) => one !== undefined);
      const { createResponder } = await import('../responder/responder.ts');
      const { createAlpnResponder } = await import('../responder/alpn-responder.ts');
      return atWidest(listeners).map((one) =>
        one.of === 'http-01' ? responder(one, createResponder) : alpnResponder(one.listen, createAlpnResponder),
      );
    },
  };
}

interface Listener {
  readonly of: 'http-01' | 'tls-alpn-01';
  readonly listen: string;
  readonly fallback?: string | undefined;
  readonly healthCheck?: string | undefined;
}

/**
 * Puts each listener at the widest address of its port that one of its kind has, because a process cannot listen on
 * `0.0.0.0:80` and on `[::]:80`. Of several at one address, one that also passes requests on serves all.
 */
export function atWidest(listeners: readonly Listener[]): readonly Listener[] {
  const byPlace = new Map<string, Listener>();
  for (const one of listeners) {
    const wider = listeners.filter((other) => other.of === one.of && hasAlso(other.listen, one.listen));
    const at = wider.reduce((widest, { listen }) => (hasAlso(widest, listen) ? widest : listen), wider[0]!.listen);
    const place = `${one.of} ${at}`;
    if (!byPlace.has(place) || one.fallback !== undefined) byPlace.set(place, { ...one, listen: at });
  }
  return [...byPlace.values()];
}

/** Shares one object per key, and closes it with its last user. */
function createShared<R extends { close(signal?: AbortSignal): Promise<void> }>(): (key: string, make: () => R) => R {
  const all = new Map<string, { readonly made: R; users: number }>();
  return (key, make) => {
    const entry = all.get(key) ?? { made: make(), users: 0 };
    all.set(key, entry);
    entry.users += 1;
    const close = async (signal?: AbortSignal) => {
      entry.users -= 1;
      if (entry.users > 0) return;
      all.delete(key);
      await entry.made.close(signal);
    };
    return { ...entry.made, close };
  };
}
