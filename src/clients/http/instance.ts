import { canonicalAddress } from '../../core/names/identifiers.ts';
import { present } from '../../core/text/present.ts';
import type { Http } from '../../ports/http.ts';
import type { TemporaryKeys } from './access-keys.ts';
import { askSource } from './identity-source.ts';
import {
  createMetadataServer,
  type KeyFields,
  type MetadataServerOptions,
  NoMetadata,
  readTemporaryKeys,
} from './metadata-server.ts';

/** The metadata of the cloud instance that certfleet runs on. */
export interface Instance {
  instanceId(signal: AbortSignal): Promise<string>;
  region(signal: AbortSignal): Promise<string>;
  privateAddress(signal: AbortSignal): Promise<string>;
  /** Returns keys of the instance's role. */
  roleKeys(signal: AbortSignal, advice?: string): Promise<TemporaryKeys>;
}

/** What differs between clouds. All paths are below `/latest/meta-data/`. */
export interface InstanceCloud {
  readonly base: string;
  /** For the hardened mode, if the cloud has one. */
  readonly token?: NonNullable<MetadataServerOptions['token']>;
  readonly paths: Readonly<Record<'instanceId' | 'region' | 'privateAddress' | 'roles', string>>;
  /** What a `backend` option names: `id`. */
  readonly backend: string;
  /** The words for a role: `IAM role`. */
  readonly role: string;
  readonly keys: { readonly fact: string; readonly fields: KeyFields; readonly advice: string };
}

const source = 'the metadata server of this machine';

/** Connects to the instance metadata. Calls fail with `config/no-metadata` elsewhere. */
export function connectInstance(
  { base, token, paths, backend, role, keys }: InstanceCloud,
  { http, name }: { readonly http: Http; readonly name: string },
): Instance {
  const server = createMetadataServer({ http, base, ...present({ token }) });
  const text = (path: string, signal: AbortSignal) => server.text(`/latest/meta-data/${path}`, signal);
  const ask =
    (fact: string, path: string, advice: string, isFact: (text: string) => boolean) =>
    (signal: AbortSignal): Promise<string> =>
      askSource({ what: name, fact, source, advice }, async () => {
        const found = await text(path, signal);
        if (found === undefined || !isFact(found)) throw new NoMetadata(`/latest/meta-data/${path} has no ${fact}`);
        return found;
      });
  const advice = `Give \`backend\` with the ${backend} of the server and its port.`;
  return {
    instanceId: ask('instance id', paths.instanceId, advice, (found) => /^[\w-]{1,100}$/.test(found)),
    privateAddress: ask(
      'private address',
      paths.privateAddress,
      advice,
      (found) => canonicalAddress(found) !== undefined,
    ),
    region: ask('region', paths.region, 'Give the `region`.', (found) => /^[a-z0-9-]{1,60}$/.test(found)),
    roleKeys: (signal, help = keys.advice) =>
      askSource({ what: name, fact: keys.fact, source, advice: help }, async () => {
        const attached = (await text(paths.roles, signal))?.split('\n')[0]?.trim() ?? '';
        if (attached === '') throw new NoMetadata(`no ${role} is attached to this instance`);
        const answer = await text(`${paths.roles}${encodeURIComponent(attached)}`, signal);
        if (answer === undefined) throw new NoMetadata(`the role ${attached} has no keys`);
        return readTemporaryKeys(answer, keys.fields);
      }),
  };
}
