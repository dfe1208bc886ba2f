import { remoteText } from '../../core/errors/remote-text.ts';
import type { AdapterSettings, Settings } from '../../core/spec/spec.ts';
import type { Session } from '../context.ts';

export type Deployers = Settings['deployers'];

/** Returns the deployers of a certificate: the stored ones, or else the declared ones. */
export async function deployersOf(session: Session, certificate: string): Promise<Deployers> {
  const [fleet, settings] = [await session.fleet({ makeStore: false }), await session.settings()];
  const stored = await fleet.stored(certificate, session.signal).catch(() => undefined);
  const targets = (stored?.spec.targets ?? []).map((target) => [target.name, target] as const);
  return { ...settings.deployers, ...Object.fromEntries(targets) };
}

/** Returns the folder of a certificate's files if the target uses certbot's layout. */
export function folderOf(target: string, certificate: string, deployers: Deployers): string | undefined {
  const typed = { type: target.startsWith('files:') ? 'files' : '', path: target.slice('files:'.length) };
  const settings: AdapterSettings = deployers[target]?.settings ?? typed;
  const { type, path, certbotName = certificate } = settings;
  const inFiles = (type === 'files' || type === 'nginx') && typeof path === 'string';
  return inFiles ? remoteText(`${path.replace(/\/$/, '')}/live/${certbotName}/`) : undefined;
}
