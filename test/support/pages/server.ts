import { randomUUID } from 'node:crypto';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { serve } from '@hono/node-server';
import { Hono } from 'hono';
import { getCookie } from 'hono/cookie';
import type { Audit } from '../../../src/access/audit.ts';
import type { Env } from '../../../src/access/who.ts';
import type { Role } from '../../../src/core/access/role.ts';
import { fail } from '../../../src/core/errors/errors.ts';
import { loadLanguage } from '../../../src/core/errors/wording.ts';
import { present } from '../../../src/core/text/present.ts';
import type { FleetChecks } from '../../../src/fleet/web/checks.ts';
import type { FleetConnections } from '../../../src/fleet/web/connections.ts';
import type { FleetDeclarations } from '../../../src/fleet/web/declarations.ts';
import type { FleetKeys } from '../../../src/fleet/web/keys.ts';
import { systemClock } from '../../../src/lib/clock.ts';
import { createPages, type PagesParts } from '../../../src/pages/pages.tsx';
import { rememberWishes } from '../../../src/pages/wishes.ts';
import { createConnections } from './connections.ts';
import { createFleet, type Fleet, type State, states } from './fleet.ts';
import { createSettings } from './settings.ts';

/** The headers that the daemon sends with every page. */
export const contentSecurityPolicy =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

export interface PagesServer {
  readonly url: string;
  readonly fleet: Fleet;
  readonly requests: readonly string[];
  close(): Promise<void>;
}

/** Of a store that declares nothing, beside a file that has nothing to declare with. */
const noDeclarations: FleetDeclarations = {
  choices: () => ({ issuers: [], solvers: [], deployers: [] }),
  list: async () => [],
  get: async () => undefined,
  check: async () => ({ solver: 'there is none' }),
  declare: async () => ({ wrong: { solver: 'there is none' } }),
  remove: async () => undefined,
};

const noKeys: FleetKeys = {
  isOn: () => false,
  download: async () => {
    throw fail('access/no-key-download', {});
  },
};
const noChecks: FleetChecks = { check: async () => ({ wrong: {}, names: [], ca: [] }) };

/** The pages of a fleet, as somebody who is logged in sees them; without a role, behind a gate that says who that is. */
export function pagesOf(
  { view, actions, draw }: Pick<Fleet, 'view' | 'actions' | 'draw'>,
  {
    role,
    via = 'login',
    now,
    seen = () => {},
    recorded = () => {},
    isStill = async () => true,
    life = 'life',
    declarations = noDeclarations,
    checks = noChecks,
    keys = noKeys,
    settings = createSettings(),
    connections = createConnections(),
  }: {
    readonly role?: Role;
    readonly via?: 'login' | 'token';
    readonly now?: () => Date;
    readonly seen?: (request: string) => void;
    readonly settings?: PagesParts['settings'];
    readonly declarations?: FleetDeclarations;
    readonly connections?: FleetConnections;
    readonly checks?: FleetChecks;
    readonly isStill?: () => Promise<boolean>;
    readonly life?: string;
    readonly keys?: FleetKeys;
    readonly recorded?: (entry: Parameters<Audit['record']>) => void;
  },
): Hono<Env> {
  const app = new Hono<Env>();
  app.use(async (c, next) => {
    seen(`${c.req.method} ${c.req.path}`);
    if (role === undefined) return next();
    c.set('who', { name: 'mia', role, via });
    c.set('csrf', 'token');
    c.set('isStill', isStill);
    c.set('from', '192.0.2.7');
    const wish = getCookie(c, 'language') ?? c.req.header('accept-language') ?? '';
    const language = wish.startsWith('zh') ? 'zh' : 'en';
    await loadLanguage(language);
    c.set('language', language);
    await next();
    c.header('content-security-policy', contentSecurityPolicy);
  });
  app.use(rememberWishes);
  const clock = { ...systemClock, ...(now ? { now } : {}) };
  app.route(
    '/',
    createPages({
      ...{ life, view, actions, clock, draw, settings, declarations, connections, checks, keys },
      audit: { record: async (...entry) => void recorded(entry) },
    }),
  );
  return app;
}

/** Serves the pages of a made-up fleet on loopback. */
export async function servePages({
  more = 60,
  has = states,
  role = 'operator',
  port = 0,
  settings,
  now,
}: {
  readonly more?: number;
  readonly has?: readonly State[];
  readonly role?: Role;
  readonly port?: number;
  readonly settings?: PagesParts['settings'];
  /** The time that the pages tell, if not the present. */
  readonly now?: Date;
} = {}): Promise<PagesServer> {
  const fleet = createFleet({ now: now ?? new Date(), more, has });
  const requests: string[] = [];
  const seen = (request: string) => void requests.push(request);
  // Each server is another process.
  const app = pagesOf(fleet, { role, seen, life: randomUUID(), ...present({ settings, now: now && (() => now) }) });
  const server = serve({ fetch: app.fetch, hostname: '127.0.0.1', port }) as Server;
  await new Promise<void>((resolve) => server.once('listening', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    fleet,
    requests,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
