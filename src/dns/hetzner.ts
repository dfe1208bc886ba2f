import { createDnsRest, untilReset } from '../clients/http/dns-rest.ts';
import {
  type ApiAnswer,
  judgeByStatus,
  readFields,
  readList,
  readString,
  refusalOf,
  UnreadableAnswer,
  type Verdict,
} from '../clients/http/json-api.ts';
import { fromTxtContent, toTxtContent } from '../clients/http/txt-content.ts';
import { fail } from '../core/errors/errors.ts';
import { relativeName } from '../core/names/dns-name.ts';
import { type Fields, isFields } from '../core/text/json.ts';
import { present } from '../core/text/present.ts';
import { credentialsFile, defineDnsProvider, endpoint, secret, z } from '../define.ts';
import type { TxtSet } from '../ports/dns-provider.ts';

const title = 'Hetzner';

/** How long an action may take, and how often to check it, in ms. It usually takes a second or two. */
const actionBudgetMs = 60_000;
const actionPauseMs = 1_000;

export default defineDnsProvider({
  id: 'hetzner',
  title: 'Hetzner (the API of Hetzner Console)',
  homepage: 'https://www.hetzner.com/dns/',
  apiDocs: 'https://docs.hetzner.cloud/reference/cloud#zone-rrset-actions',
  since: '0.1.0',
  tested: 'documents only',
  options: z.strictObject({
    token: secret('API token of the project', {
      aliases: ['HETZNER_API_TOKEN', 'HCLOUD_TOKEN', 'HETZNER_TOKEN', 'dns_hetzner_cloud_api_token'],
    }),
    credentials: credentialsFile(['dns_hetzner_cloud_', 'dns_hetzner_']),
    endpoint: endpoint('The API’s address with its path, if it is not https://api.hetzner.cloud/v1'),
  }),
  notes: `Create a token in Hetzner Console, in the project that has the zone, under Security → API tokens, with **Read & Write**. It
may change everything in the project, so keep the zones in a project of their own.

The old DNS Console (\`dns.hetzner.com\`) and its tokens ended in May 2026; its zones moved to Hetzner Console.`,
  traits: {
    // Hetzner itself adds and removes values of a set, and locks the zone for a moment.
    writes: 'name',
    minTtl: 60,
    // The limit is 3,600 calls per hour for each project, and a change takes three or four.
    maxConcurrent: 4,
    visibleMs: 180_000,
    // A list does not show the result of an action that is still running because its caller gave up.
    listLagMs: 10_000,
  },
  connect({ options, world }) {
    const http = world.http();
    const { clock } = world;
    const rest = createDnsRest({
      ...{ world, http, provider: title, secrets: [options.token], judge },
      endpoint: options.endpoint,
      base: options.endpoint ?? 'https://api.hetzner.cloud/v1',
      headers: () => ({ authorization: `Bearer ${options.token.reveal()}` }),
      advice(status, zone) {
        if (status === 401)
          return 'Check `token`: Hetzner does not accept it. Tokens are made in Hetzner Console, under Security → API tokens; those of the old DNS Console do not work any more.';
        if (status === 403) return 'Use a `token` with Read & Write: this one may only read.';
        if (status === 404)
          return `Check that the zone ${zone} is in the project of this \`token\`, in Hetzner Console.`;
        return `Look at the zone ${zone} in Hetzner Console.`;
      },
    });

    /**
     * Waits for an action. It continues after the response, and a read is sure to see its effect only once it is done.
     */
    async function finish(action: Fields, zone: string, about: string, signal: AbortSignal): Promise<void> {
      const endMs = clock.monotonicMs() + actionBudgetMs;
      for (let now = action; now['status'] !== 'success'; ) {
        if (now['status'] !== 'running' || clock.monotonicMs() > endMs) {
          const said = isFields(now['error']) ? now['error']['message'] : undefined;
          const reason = typeof said === 'string' ? said : `its action ended with ${now['status']}`;
          throw fail('dns/failed', { provider: title, name: about, reason });
        }
        await clock.sleep(actionPauseMs, signal);
        now = await rest.call({ zone, about, path: `/actions/${now['id']}`, read: readAction }, signal);
      }
    }

    /** Adds or removes values of one set. */
    async function act(
      what: 'add_records' | 'remove_records',
      { zone, name, values, ttl }: { zone: string; name: string; values: readonly string[]; ttl?: number },
      signal: AbortSignal,
    ): Promise<void> {
      const path = `/zones/${zone}/rrsets/${relativeName(name, zone)}/TXT/actions/${what}`;
      const records = values.map((value) => ({ value: toTxtContent(value) }));
      const body = { ttl, records };
      try {
        const action = await rest.call({ zone, about: name, method: 'POST', path, body, read: readAction }, signal);
        await finish(action, zone, name, signal);
      } catch (error) {
        const refusal = refusalOf(error);
        // Another program was faster. The zone exists, since its set was read.
        if (refusal?.status === 409 || (refusal?.status === 404 && what === 'remove_records'))
          throw fail('dns/conflict', { provider: title, name, reason: refusal.message }, { cause: error });
        throw error;
      }
    }

    return {
      kind: 'sets',

      async read(zone, names, signal) {
        const sets = new Map<string, TxtSet>();
        for (const name of names) {
          const relative = relativeName(name, zone);
          const path = `/zones/${zone}/rrsets?${new URLSearchParams({ name: relative, type: 'TXT' })}`;
          const read = (answer: ApiAnswer) => readSet(answer, relative);
          const set = await rest.call({ zone, about: name, path, read }, signal);
          if (set) sets.set(name, set);
        }
        return sets;
      },

      async write(zone, changes, signal) {
        for (const { name, add, remove, before, ttl } of changes) {
          const there = before?.values ?? [];
          const [wanted, unwanted] = [
            add.filter((value) => !there.includes(value)),
            remove.filter((value) => there.includes(value)),
          ];
          // A set keeps its TTL, which must be sent unchanged. A set without one has the zone's.
          const itsTtl = before === undefined || before.ttl !== undefined ? { ttl } : {};
          if (wanted.length > 0) await act('add_records', { zone, name, values: wanted, ...itsTtl }, signal);
          if (unwanted.length > 0) await act('remove_records', { zone, name, values: unwanted }, signal);
        }
      },

      check: (zone, signal) =>
        rest.call({ zone, path: `/zones/${zone}`, read: ({ body }) => void zoneIn(body) }, signal),

      close: () => http.close(),
    };
  },
});

const zoneIn = (body: unknown): Fields => readFields(readFields(body, 'the answer')['zone'], 'the zone');

function readSet({ body }: ApiAnswer, relative: string): TxtSet | undefined {
  const sets = readList(readFields(body, 'the answer')['rrsets'], 'the record sets', 'name', 'type');
  const found = sets.find((one) => one['name'] === relative && one['type'] === 'TXT');
  return found && toSet(found);
}

function readAction({ body }: ApiAnswer): Fields {
  const action = readFields(readFields(body, 'the answer')['action'], 'the action');
  readString(action, 'status');
  return action;
}

function toSet({ records, ttl }: Fields): TxtSet {
  if (!Array.isArray(records)) throw new UnreadableAnswer('the records are missing in its answer');
  const values = records.map((record) => fromTxtContent(readString(readFields(record, 'a record'), 'value')));
  return { values, ttl: typeof ttl === 'number' ? ttl : undefined };
}

function judge(answer: ApiAnswer): Verdict {
  const { status, body } = answer;
  const error = isFields(body) && isFields(body['error']) ? body['error'] : {};
  const code = typeof error['code'] === 'string' ? error['code'] : undefined;
  const verdict = judgeByStatus(
    answer,
    present({ code, reason: typeof error['message'] === 'string' ? error['message'] : undefined }),
  );
  // An earlier action is still changing the zone.
  if (status === 423 || code === 'locked' || code === 'conflict')
    return { kind: 'busy', reason: 'reason' in verdict ? verdict.reason : `HTTP ${status}` };
  if (verdict.kind !== 'limited' || answer.headers['retry-after'] !== undefined) return verdict;
  // The limit recovers by one call per second, and the header says when it is fully recovered.
  return untilReset(answer, 'ratelimit-reset') === undefined ? verdict : { ...verdict, retryAfterMs: 5_000 };
}
