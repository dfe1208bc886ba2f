import { adapterEntry, type Registry } from '../../config/registry/registry.ts';
import { remoteText } from '../../core/errors/remote-text.ts';
import type { AdapterSettings, Settings } from '../../core/spec/spec.ts';
import type { Session } from '../context.ts';
import { registryOf } from '../registry.ts';

/** Deployers, and what their types declare. */
export interface Places {
  readonly deployers: Settings['deployers'];
  readonly registry: Registry;
}

/** Returns the deployers of a certificate: the stored ones, or else the declared ones. */
export async function placesOf(session: Session, certificate: string): Promise<Places> {
  const fleet = await session.fleet({ makeStore: false });
  const settings = fleet.settings();
  const stored = await fleet.stored(certificate, session.signal).catch(() => undefined);
  const targets = (stored?.spec.targets ?? []).map((target) => [target.name, target] as const);
  const deployers = { ...settings.deployers, ...Object.fromEntries(targets) };
  return { deployers, registry: await registryOf(session) };
}

/** Returns the folder of a certificate's files if the target uses certbot's layout. */
export function folderOf(target: string, certificate: string, { deployers, registry }: Places): string | undefined {
  const typed = { type: target.startsWith('files:') ? 'files' : '', path: target.slice('files:'.length) };
  const settings: AdapterSettings = deployers[target]?.settings ?? typed;
  const { type, path, certbotName = certificate } = settings;
  const inFiles = adapterEntry(registry, 'deployer', type)?.byFolder === true && typeof path === 'string';
  return inFiles ? remoteText(`${path.replace(/\/$/, '')}/live/${certbotName}/`) : undefined;
}
