import { request } from 'node:http';
import { startService, until } from '../../test/support/service.ts';
import { aside, cli, holds, result, sentence, typed } from './show.ts';

/** Where the demo's pages are: for a browser, and for this process, which needs no login there. */
export interface PagesPlace {
  readonly folder: string;
  readonly pagesPort: number;
  readonly pagesSocket: string;
}

/** Starts `certfleet run`, looks whether its pages show both certificates, and says how a person opens them. */
export async function showPages({ folder, pagesPort, pagesSocket }: PagesPlace): Promise<{ stop(): Promise<void> }> {
  sentence('The same on pages: `certfleet run` serves them, and takes care of the certificates from now on.');
  typed('certfleet run');
  const daemon = await startService({
    ...{ name: 'certfleet-run', program: process.execPath, args: [cli, 'run', '--config', 'certfleet.yaml'] },
    ...{ cwd: folder, env: { CERTFLEET_CODE_CACHE: 'off' } },
  });
  const link = await until(() => /http:\/\/127\.0\.0\.1:\d+\/first\/[\w-]+/.exec(daemon.log())?.[0], {
    what: 'the link that makes the first user',
  });
  const both = async () => {
    const page = await pageAt(pagesSocket, '/certificates').catch(() => '');
    return ['abc', 'wildcard'].every((name) => page.includes(`href="/certificates/${name}"`));
  };
  await until(both, { what: 'the page with both certificates' });
  const overview = await pageAt(pagesSocket, '/');
  holds(overview.includes('All 2 certificates are well'), 'the overview does not say that both certificates are well');
  result(`http://127.0.0.1:${pagesPort}/ says: All 2 certificates are well.`);
  result(`Make the first user: ${link}`);
  aside(`Programs ask over the socket: curl --unix-socket ${pagesSocket} http://localhost/api/v1/certificates`);
  return { stop: () => daemon.stop(10_000) };
}

/** A socket needs no login. */
const pageAt = (socketPath: string, path: string): Promise<string> =>
  new Promise((answer, reject) => {
    request({ socketPath, path, headers: { host: 'localhost', 'accept-language': 'en' }, agent: false }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (part) => {
        body += part;
      });
      response.on('end', () => answer(body));
    })
      .once('error', reject)
      .end();
  });
