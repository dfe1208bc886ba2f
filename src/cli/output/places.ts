import { remoteText } from '../../core/errors/remote-text.ts';
import type { AdapterSettings } from '../../core/spec/spec.ts';
import type { Session } from '../context.ts';

export type Deployers = Readonly<Record<string, AdapterSettings>>;

/** The deployers of a certificate: as stored with it, else as declared. */
export async function deployersOf(session: Session, certificate: string): Promise<Deployers> {
  const [fleet, settings] = [await session.fleet({ makeStore: false }), await session.settings()];
  const stored = await fleet.stored(certificate, session.signal).catch(() => undefined);
  const targets = (stored?.spec.targets ?? []).map((target) => [target.name, target.settings] as const);
  return { ...settings.deployers, ...Object.fromEntries(targets) };
}

/** The folder of a certificate's files, if the target uses certbot's layout. */
export function folderOf(target: string, certificate: string, deployers: Deployers): string | undefined {
  const typed = { type: target.startsWith('files:') ? 'files' : '', path: target.slice('files:'.length) };
  const settings: AdapterSettings = deployers[target] ?? typed;
  const { type, path, certbotName = certificate } = settings;
  const inFiles = (type === 'files' || type === 'nginx') && typeof path === 'string';
  return inFiles ? remoteText(`${path.replace(/\/$/, '')}/live/${certbotName}/`) : undefined;
}
