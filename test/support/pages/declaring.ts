import { declaredCertificates, declaredConnections } from '../../../src/compose/declarations.ts';
import { settingsIn } from '../../../src/config/settings/settings.ts';
import { openSources } from '../../../src/fleet/sources.ts';
import { createDeclarations } from '../../../src/fleet/web/declarations.ts';
import { registry } from '../../../src/generated/registry.ts';
import { createMemoryStore } from '../../../src/stores/memory.ts';
import { fakeClock } from '../../../src/testing/fake-clock.ts';
import { createFleet } from './fleet.ts';
import { pagesOf } from './server.ts';

const { signal } = new AbortController();

/** The pages of a store, with what they declare there, beside a file that declares `mine.example`. */
export async function openDeclaring(role: 'viewer' | 'operator' = 'operator') {
  const ca = (host: string) => ({ directory: `https://${host}.example/`, agreeToTerms: true, test: true });
  const file = {
    issuers: { one: ca('one'), two: ca('two') },
    solvers: { web: { type: 'http01-webroot', folders: ['/srv'] }, dns: { type: 'dns01', provider: 'manual' } },
    deployers: { files: { type: 'files', path: '/srv/certificates' } },
    certificates: [{ name: 'mine.example', identifiers: ['mine.example'], issuer: 'one', solver: 'web' }],
  };
  const { settings } = await settingsIn(file, { env: {}, registry });
  const [store, clock] = [createMemoryStore(), fakeClock()];
  const check: Parameters<typeof openSources>[1]['check'] = (entries, of, now) =>
    declaredCertificates(entries, of, { env: {} }, now);
  const engine = { store, clock, reporter: { report() {} } };
  const sources = await openSources(
    settings!,
    { engine, check, checkConnections: declaredConnections, changed() {} },
    signal,
  );
  const audited: string[] = [];
  const audit = { record: async (_by: object, act: { what: string }) => void audited.push(act.what) };
  const declarations = createDeclarations({ engine, sources, audit, checkDeclarations: check });
  const app = pagesOf(createFleet({ now: clock.now(), more: 0 }), { role, now: () => clock.now(), declarations });
  const sendTo = async (path: string, fields: Readonly<Record<string, string>>, language = 'en') => {
    const headers = { 'content-type': 'application/x-www-form-urlencoded', cookie: `language=${language}` };
    const answer = await app.request(path, { method: 'POST', headers, body: new URLSearchParams(fields).toString() });
    return { status: answer.status, location: answer.headers.get('location'), text: await answer.text() };
  };
  const send = (fields: Readonly<Record<string, string>>, language = 'en') => sendTo('/new', fields, language);
  const get = async (path = '/new') => (await app.request(path)).text();
  return { declarations, audited, send, sendTo, get };
}

/** What is said of each field, as a screen reader finds it. */
export const problemsIn = (page: string) =>
  Object.fromEntries(
    [...page.matchAll(/id="(\w+)-problem" role="alert">(.*?)<\/div>/gs)].map(([, field, html = '']) => [
      field,
      html.replaceAll(/<[^>]+>/g, ''),
    ]),
  );
