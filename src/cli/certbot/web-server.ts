import type { CertbotWords } from '../../migrate/certbot/words.ts';
import type { Session } from '../context.ts';
import { overApache } from './apache.ts';
import { overNginx } from './nginx.ts';
import type { WebServed } from './served.ts';
import { commandOf, programs, type WebServer } from './server-program.ts';

/** Returns the web server that `--nginx` or `--apache` names, as authenticator or as installer. */
export function webServerIn({ authenticator, installer }: CertbotWords): WebServer | undefined {
  const isOne = (how: string | undefined): how is WebServer => how !== undefined && Object.hasOwn(programs, how);
  return isOne(authenticator) ? authenticator : isOne(installer) ? installer : undefined;
}

/**
 * Handles `--nginx` and `--apache`: reads from the server's configuration how certfleet can answer challenges for the
 * names, and changes no file of the server. Fails with `usage/web-server-silent`, which says what to add to the
 * configuration.
 *
 * @param folder the root of `live/`
 */
export async function webServed(
  given: CertbotWords,
  server: WebServer,
  folder: string,
  session: Session,
): Promise<WebServed> {
  const command = await commandOf(given, server, session);
  const port = Number(given.values.port ?? (await session.settings()).preflight.http01Port);
  const found = { given, command, folder, port, session };
  return server === 'nginx' ? overNginx(found) : overApache(found);
}
