import { createAccess } from '../access/access.ts';
import { firstUrlOf } from '../core/access/pages-url.ts';
import { report } from '../engine/engine.ts';
import { readBundle } from '../engine/run/bundles.ts';
import { lineageNamed } from '../engine/run/stored-lineage.ts';
import type { RunningFleet, Shown } from '../fleet/run.ts';
import { mountWeb } from './mounted.ts';
import { serveWeb } from './server.ts';

/** Serves the pages and the API of a fleet, until the signal aborts. */
export async function serve(fleet: RunningFleet, shown: Shown, signal: AbortSignal): Promise<void> {
  const { world, settings } = fleet;
  const { process: engine } = fleet.composed;
  const access = createAccess({
    ...{ store: engine.store, clock: world.clock, random: world.random },
    oidc: { settings: () => settings().pages?.oidc, http: world.http(), readSecret: fleet.composed.readSecret },
  });
  const mounted = await mountWeb(fleet, shown, access);
  const say = (level: 'info' | 'warn', message: string) => report(engine, { level, event: 'log', message });

  /** Who starts it for the first time has no user yet, and would not know how to make one. */
  async function offerFirst(address: string): Promise<void> {
    const { pages } = settings();
    const secret = pages && (await access.first.make(signal).catch(() => undefined));
    const url = secret && firstUrlOf({ ...pages, listen: [address] }, secret);
    if (url === undefined) return;
    say('info', `there is no user yet; this link makes the first one, an administrator, within 15 minutes: ${url}`);
  }

  async function identity(name: string, over: AbortSignal) {
    const lineage = await lineageNamed(engine, name, over);
    if (lineage instanceof Error) throw lineage;
    const id = lineage?.current?.id;
    if (id === undefined) return undefined;
    if (known?.name === name && known.id === id) return known;
    const { fullchainPem, keyPem } = await readBundle(engine, { lineage: name, id }, over);
    known = { name, id, cert: fullchainPem, key: keyPem.reveal() };
    return known;
  }
  let known: { readonly name: string; readonly id: string; readonly cert: string; readonly key: string } | undefined;

  const serving = { world, access, mounted, settings, identity, say, reachable: offerFirst };
  await Promise.all([access.follow(signal), serveWeb(serving, signal)]);
  // What was begun from pages and API is journalled before the process ends.
  await mounted.settle();
}
