import { Hono } from 'hono';
import { compress } from 'hono/compress';
import type { Audit } from '../access/audit.ts';
import type { Env } from '../access/who.ts';
import { may } from '../core/access/role.ts';
import type { FleetActions } from '../fleet/web/actions.ts';
import type { FleetChecks } from '../fleet/web/checks.ts';
import type { FleetConnections } from '../fleet/web/connections.ts';
import type { FleetDeclarations } from '../fleet/web/declarations.ts';
import type { FleetKeys } from '../fleet/web/keys.ts';
import type { FleetView } from '../fleet/web/view.ts';
import type { Drawn as DrawnParts } from '../fleet.ts';
import type { Clock } from '../ports/clock.ts';
import { assetNamed } from './assets.ts';
import { addActions } from './certificate/acting.tsx';
import { Drawn } from './certificate/drawn.tsx';
import { addKey } from './certificate/key.tsx';
import { addConnections } from './connections/connections.tsx';
import { addEdit } from './declare/edit.tsx';
import { addNew, addUndeclare } from './declare/new.tsx';
import { eventsOf } from './events.ts';
import { List } from './list.tsx';
import { OverviewPage } from './overview/overview.tsx';
import { pathOf } from './parts.tsx';
import { listQueryOf } from './query.ts';
import { certificatePage, failurePage, forbidden, missing, page, readerOf, refusedToken } from './respond.tsx';
import { addSettings, type SettingsParts } from './settings/settings.tsx';

/** What the pages read and do. */
export interface PagesParts {
  readonly view: FleetView;
  readonly actions: FleetActions;
  readonly keys: FleetKeys;
  readonly declarations: FleetDeclarations;
  readonly connections: FleetConnections;
  readonly checks: FleetChecks;
  readonly clock: Clock;
  /** Differs for each process, because each counts changes by itself. */
  readonly life: string;
  readonly audit: Pick<Audit, 'record'>;
  /** Looks at the path from the CA to the answers of a certificate, hop by hop. */
  draw(name: string, signal: AbortSignal): Promise<DrawnParts>;
  readonly settings: Omit<SettingsParts, 'clock'>;
}

/** What the overview waits for the store. Without its answer, the page says so. */
const storeMs = 2000;

/**
 * The pages. Whoever mounts them, last of all, has put into the context who asks, has refused a form without its `csrf`,
 * keeps what a reader wishes (`wishes.ts`), and adds the headers that all answers have.
 */
export function createPages(parts: PagesParts): Hono<Env> {
  const { view, clock, life } = parts;
  const app = new Hono<Env>();

  app.get('/assets/:name', compress(), (c) => {
    const asset = assetNamed(c.req.param('name'));
    if (!asset) return c.notFound();
    return c.body(asset.text, 200, {
      'content-type': asset.type,
      'cache-control': 'public, max-age=31536000, immutable',
    });
  });

  // A token may be for some certificates only, and pages show all.
  app.use(async (c, next) => {
    if (c.var.who?.via === 'token') return refusedToken(c, clock.now());
    return next();
  });

  app.get('/events', (c) => {
    const since = c.req.header('last-event-id') ?? c.req.query('since');
    const { isStill } = c.var;
    return c.body(eventsOf({ view, clock, life, isStill }, since, c.req.raw.signal), 200, {
      'content-type': 'text/event-stream',
      'cache-control': 'no-store',
      // Of nginx, which otherwise keeps events back.
      'x-accel-buffering': 'no',
    });
  });

  app.use(compress());

  // Whoever may only look sends nothing.
  app.post('*', async (c, next) => (may(c.var.who, 'renew') ? next() : forbidden(c, clock.now(), 'renew')));

  app.get('/', async (c) => {
    const overview = view.overview();
    const reader = readerOf(c, clock.now(), `${life}.${overview.sequence}`);
    const deadline = clock.deadline(storeMs, c.req.raw.signal);
    try {
      const [alarms, limits] = await Promise.allSettled([view.alarms(deadline.signal), view.limits(deadline.signal)]);
      const choices = parts.declarations.choices();
      const data = { overview, choices, alarms: settledValue(alarms), limits: settledValue(limits) };
      return page(
        c,
        reader,
        { title: reader.text.overview, at: 'overview' },
        <OverviewPage reader={reader} {...data} />,
      );
    } finally {
      deadline.done();
    }
  });

  app.get('/certificates', (c) => {
    const query = listQueryOf(new URL(c.req.url).searchParams);
    const { issuers } = view.overview();
    const listed = listOf(view, query);
    const reader = readerOf(c, clock.now(), `${life}.${listed.page.sequence}`);
    const { search, state, issuer } = listed.query;
    // Of all together, a pass over all of them would tell nothing new.
    const counts = search || state || issuer ? view.count({ search, issuer }) : undefined;
    const body = <List reader={reader} issuers={issuers} counts={counts} {...listed} />;
    return page(c, reader, { title: reader.text.certificates, at: 'certificates' }, body);
  });

  addActions(app, parts);
  addKey(app, parts);
  addNew(app, parts);
  addEdit(app, parts);
  addUndeclare(app, parts);
  const forFirst = () => (view.overview().total === 0 ? parts.declarations.choices() : undefined);
  addConnections(app, { connections: parts.connections, forFirst, clock });
  addSettings(app, { ...parts.settings, clock });

  app.get('/certificates/:name', (c) => certificatePage(c, parts, { name: c.req.param('name') }));

  app.get('/certificates/:name/path', async (c) => {
    const name = c.req.param('name');
    const reader = readerOf(c, clock.now(), undefined);
    const drawn = await parts.draw(name, c.req.raw.signal);
    const { text } = reader;
    const body = (
      <>
        <h1>{text.certificate.path}</h1>
        <p>
          <a href={pathOf(name)}>{name}</a>
        </p>
        <Drawn reader={reader} {...drawn} />
      </>
    );
    return page(c, reader, { title: `${text.certificate.path}${text.colon}${name}`, at: 'certificates' }, body);
  });

  // Whatever is not a page; so others are mounted before the pages.
  app.all('*', (c) => missing(c, clock.now()));
  app.onError((error, c) => failurePage(c, clock.now(), error));
  return app;
}

const settledValue = <T,>(settled: PromiseSettledResult<T>): T | undefined =>
  settled.status === 'fulfilled' ? settled.value : undefined;

/** An old cursor shows the first page. */
function listOf(view: FleetView, query: ReturnType<typeof listQueryOf>) {
  try {
    return { query, page: view.list(query), isOtherPage: false };
  } catch (error) {
    if (query.after === undefined) throw error;
    const first = { ...query, after: undefined };
    return { query: first, page: view.list(first), isOtherPage: true };
  }
}
