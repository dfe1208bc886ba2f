import type { CertbotWords } from '../../migrate/certbot/words.ts';
import type { Session } from '../context.ts';
import { overApache } from './apache.ts';
import { overNginx } from './nginx.ts';
import type { WebServed } from './served.ts';
import { commandOf, programs, type WebServer } from './server-program.ts';

/** Which of the two `--nginx` and `--apache` name, as what answers or as what gets the certificate. */
export function webServerIn({ authenticator, installer }: CertbotWords): WebServer | undefined {
  const isOne = (how: string | undefined): how is WebServer => how !== undefined && Object.hasOwn(programs, how);
  return isOne(authenticator) ? authenticator : isOne(installer) ? installer : undefined;
}

/**
 * `--nginx` and `--apache`: reads from the server's configuration how the names can be answered, and changes nothing of
 * it. Fails with `usage/web-server-silent`, with what to add to the configuration.
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
