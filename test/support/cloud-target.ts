import { nameWithMark } from '../../src/core/request-path/own-mark.ts';
import type { Deployer, VersionBundle } from '../../src/ports/deployer.ts';
import type { Note } from '../../src/ports/solver.ts';

export interface CloudTargetOptions {
  readonly resource?: string;
  readonly scope?: Deployer['scope'];
  /** An upload takes the place of the one before it, under the same id. */
  readonly inPlace?: boolean;
  /** Calls `note` as soon as the upload is there. */
  readonly notes?: boolean;
}

/** A cloud in memory: certificates are uploaded under an id, and one of them is bound to the listener. */
export function createCloudTarget(options: CloudTargetOptions = {}) {
  /** The version of each upload, by its id. */
  const uploads = new Map<string, string>();
  const calls: string[] = [];
  /** Run in each call before and after its effect; they may throw, or never return. */
  const hooks = {
    before: async (_call: string): Promise<void> => {},
    after: async (_call: string): Promise<void> => {},
  };
  let bound: string | undefined;
  let lastId = 0;
  const done = async (call: string) => {
    calls.push(call);
    await hooks.after(call.split(' ')[0] ?? '');
  };
  const upload = async (version: string): Promise<string> => {
    const [same] = [...uploads].find(([, known]) => known === version) ?? [];
    await hooks.before('stage');
    const id = same ?? (options.inPlace ? 'cert-1' : `cert-${++lastId}`);
    uploads.set(id, version);
    return id;
  };
  const nameOf = (id: string): string =>
    nameWithMark({ owner: '0123456789ab', expires: new Date('2030-01-01'), id: id.slice(5).padStart(12, '0') });
  const deployer: Deployer = {
    type: 'sim-cloud',
    scope: options.scope ?? 'fleet',
    ...(options.resource === undefined ? {} : { resource: options.resource }),
    look: async ({ id }) => ({
      state: bound === undefined ? 'absent' : uploads.get(bound) === id ? 'current' : 'stale',
      detail: '',
    }),
    async stage({ id: version }: VersionBundle, note: Note) {
      const id = await upload(version);
      if (options.notes) await note({ id });
      await done(`stage ${id}`);
      return { id };
    },
    async activate(_version, staged) {
      bound = (staged as { id: string }).id;
      await done(`activate ${bound}`);
    },
    async retire(_old, receipt) {
      const id = (receipt as { id: string } | undefined)?.id;
      if (id !== undefined && id !== bound) uploads.delete(id);
      await done(`retire ${id}`);
    },
    owned: async () => [...uploads.keys()].map((id) => ({ kind: 'certificate', id, name: nameOf(id) })),
    removeOwned: async ({ id }) => {
      if (id !== bound) uploads.delete(id);
    },
  };
  return {
    deployer,
    hooks,
    calls,
    /** The versions that are uploaded, and the one that is in use. */
    versions: () => [...uploads.values()],
    bound: () => (bound === undefined ? undefined : uploads.get(bound)),
  };
}
