import type { Cloud } from './model.ts';
import { listenerKey } from './model.ts';

/** Everything that the API keeps, as plain data in a fixed order: equal states have equal texts. */
export interface Snapshot {
  readonly rules: readonly Readonly<Record<string, unknown>>[];
  readonly groups: readonly Readonly<Record<string, unknown>>[];
  readonly certificates: readonly Readonly<Record<string, unknown>>[];
  readonly extensions: readonly Readonly<Record<string, unknown>>[];
  readonly listeners: readonly Readonly<Record<string, unknown>>[];
}

const byId = (a: { id: string }, b: { id: string }): number => (a.id < b.id ? -1 : 1);

export function takeSnapshot(cloud: Cloud): Snapshot {
  const tags = (map: ReadonlyMap<string, string>) => Object.fromEntries([...map].sort());
  const snapshot: Snapshot = {
    rules: [...cloud.rules.values()].sort(byId).map(({ balancer, listener, ...rule }) => ({
      ...rule,
      loadBalancer: balancer.id,
      listener: listenerKey(listener),
    })),
    groups: [...cloud.groups.values()]
      .sort(byId)
      .map(({ balancer, tags: own, ...group }) => ({ ...group, loadBalancer: balancer.id, tags: tags(own) })),
    certificates: [...cloud.certificates.values()]
      .sort(byId)
      .map(({ key: _secret, tags: own, ...certificate }) => ({ ...certificate, tags: tags(own) })),
    extensions: [...cloud.extensions.values()].sort(byId).map(({ balancer, listener, ...extension }) => ({
      ...extension,
      loadBalancer: balancer.id,
      listener: listenerKey(listener),
    })),
    listeners: [...cloud.balancers.values()]
      .sort(byId)
      .flatMap(({ id, listeners }) => listeners.map((listener) => ({ loadBalancer: id, ...listener }))),
  };
  return JSON.parse(JSON.stringify(snapshot)) as Snapshot;
}
