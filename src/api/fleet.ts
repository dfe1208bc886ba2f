import { createRoute } from '@hono/zod-openapi';
import { fail } from '../core/errors/errors.ts';
import { durationMs, durationPattern } from '../core/text/span.ts';
import * as contract from './contract/fleet.ts';
import { type Api, type ApiParts, copyOf, json, needs, usual } from './parts.ts';

const tags = { tags: ['Fleet'] };
/** Of a plan. What comes later is far away. */
const mostPlanned = 1_000;
const [hourMs, longestMs] = [3_600_000, 731 * 86_400_000];

/** What is known of all certificates together. */
export function addFleet(app: Api, { view, plan, clock, life }: ApiParts): void {
  app.openapi(
    createRoute({
      ...{ ...tags, method: 'get', path: '/overview' },
      summary: 'Count the certificates, and list those that need a person',
      ...needs('look', 'fleet'),
      responses: { 200: json(contract.overview, 'All at a glance'), ...usual },
    }),
    (c) => {
      const overview = view.overview();
      return c.json({ ...copyOf(overview), sequence: `${life}.${overview.sequence}` } as never, 200);
    },
  );
  app.openapi(
    createRoute({
      ...{ ...tags, method: 'get', path: '/nodes', summary: 'List the nodes that share the store' },
      ...needs('look', 'fleet'),
      responses: { 200: json(contract.nodes, 'The nodes'), ...usual },
    }),
    (c) => {
      const { nodes, node } = view.overview();
      return c.json({ nodes, node } as never, 200);
    },
  );
  app.openapi(
    createRoute({
      ...{ ...tags, method: 'get', path: '/alarms', summary: 'List the open alarms' },
      ...needs('look', 'fleet'),
      responses: { 200: json(contract.alarms, 'The open alarms, the latest first'), ...usual },
    }),
    async (c) => c.json(copyOf(await view.alarms(c.req.raw.signal)) as never, 200),
  );
  app.openapi(
    createRoute({
      ...{ ...tags, method: 'get', path: '/limits', summary: 'Show what is left of each CA’s rate limits' },
      ...needs('look', 'fleet'),
      responses: { 200: json(contract.limits, 'By CA'), ...usual },
    }),
    async (c) => c.json({ cas: (await view.limits(c.req.raw.signal)).map(copyOf) } as never, 200),
  );
  app.openapi(
    createRoute({
      ...{ ...tags, method: 'get', path: '/plan', summary: 'Show what will be ordered, when and why' },
      description: `The same as \`certfleet plan --json\`, of the ${mostPlanned} certificates that come first. It may be half a minute old.`,
      ...needs('look', 'fleet'),
      request: { query: contract.planQuery },
      responses: { 200: json(contract.plan, 'What renewing every hour will order'), ...usual },
    }),
    async (c) => {
      const { until: typed } = c.req.valid('query');
      const ms = durationPattern.test(typed) ? durationMs(typed) : 0;
      if (!(ms >= hourMs && ms <= longestMs))
        throw fail('usage/invalid-value', {
          typed: `until=${typed}`,
          form: 'how far to look ahead, from 1h to 731d, such as 90d',
        });
      const untilMs = clock.now().getTime() + ms;
      const { certificates, ...ahead } = await plan(untilMs, c.req.raw.signal);
      const startOf = ({ steps: [first] }: (typeof certificates)[number]) =>
        first?.at === undefined ? 0 : Date.parse(first.at);
      const next = certificates.filter((one) => startOf(one) <= untilMs).sort((a, b) => startOf(a) - startOf(b));
      const shown = next.slice(0, mostPlanned);
      return c.json({ ...ahead, certificates: shown, more: next.length - shown.length } as never, 200);
    },
  );
}
