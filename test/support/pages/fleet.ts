import { type StoredError, say } from '../../../src/core/errors/wording.ts';
import type { RunEntry } from '../../../src/core/history/run-entry.ts';
import type { NodeStatus } from '../../../src/core/node/node-status.ts';
import { type LineageStatus, lineageStates, needsPerson } from '../../../src/core/plan/status.ts';
import type { OpenAlarms } from '../../../src/engine/alarms/open.ts';
import { noneOfEach } from '../../../src/engine/steady/rows.ts';
import type { LimitsGlance } from '../../../src/fleet/limits.ts';
import type { ActionRequest, FleetActions } from '../../../src/fleet/web/actions.ts';
import type {
  CertificateRow,
  CertificateView,
  Changed,
  FleetView,
  ListPage,
  ListQuery,
  Overview,
} from '../../../src/fleet/web/view.ts';
import type { Drawn } from '../../../src/fleet.ts';

// A fleet for the pages, without a daemon: each state once, and as many valid certificates as are wanted.

export type State = LineageStatus['state'];
export const states: readonly State[] = lineageStates;

const dayMs = 86_400_000;
export const later = (now: Date, days: number): string => new Date(now.getTime() + days * dayMs).toISOString();

const byState: Readonly<Record<State, Partial<CertificateRow> & { readonly name: string }>> = {
  valid: { name: 'www.example.com' },
  due: { name: 'mail.example.com' },
  expired: { name: 'old.example.net' },
  missing: { name: 'new.example.org' },
  failing: { name: 'shop.example.com' },
  working: { name: 'api.example.com', step: 'validate' },
  interrupted: { name: 'cdn.example.com', step: 'finalize' },
  pending: { name: 'wildcard.apps.example.com' },
  paused: { name: 'moving.example.com', isPaused: true },
  revoked: { name: 'leaked.example.net' },
  undeclared: { name: 'retired.example.net' },
  test: { name: 'www.example.com~staging' },
  corrupt: { name: 'damaged.example.org' },
};

const expiryDays: Readonly<Record<State, number | undefined>> = {
  valid: 61,
  due: 29,
  expired: -2,
  missing: undefined,
  failing: 9,
  working: 28,
  interrupted: 27,
  pending: 83,
  paused: 20,
  revoked: 40,
  undeclared: 12,
  test: 55,
  corrupt: undefined,
};

export function rowOf(state: State, now: Date): CertificateRow {
  const { name, ...more } = byState[state];
  const days = expiryDays[state];
  const isTest = state === 'test';
  const targets = isTest || state === 'missing' ? [] : ['haproxy', 'www.example.com:443'];
  return {
    name,
    identifiers: state === 'pending' ? ['*.apps.example.com', 'apps.example.com'] : [name.replace('~staging', '')],
    issuer: state === 'due' ? 'zerossl' : 'letsencrypt',
    state,
    ...(days === undefined ? {} : { notAfter: later(now, days) }),
    ...(days === undefined || isTest || state === 'undeclared' || state === 'revoked' || state === 'paused'
      ? {}
      : { renewAt: later(now, Math.max(days - 30, 0)) }),
    targets,
    delivered: state === 'pending' ? 1 : state === 'expired' ? 0 : targets.length,
    served: servedOf(state, targets.length > 0),
    ...(state === 'failing' || state === 'expired'
      ? { failure: { code: 'acme/invalid-authorization', retryAt: later(now, 0.03) } }
      : {}),
    revision: `r1-${name}`,
    ...more,
  } as CertificateRow;
}

const words = 'www.example.com:443: old.example.net; serial 03ab; not after 2026-11-01T00:00:00Z; from Example CA';

const servedOf = (state: State, isServed: boolean): CertificateRow['served'] => {
  if (!isServed) return { state: 'none', endpoints: 0, current: 0 };
  if (state === 'expired' || state === 'pending') return { state: 'stale', endpoints: 1, current: 0, words };
  return { state: 'current', endpoints: 1, current: 1 };
};

const plain = (i: number, now: Date): CertificateRow => {
  const name = `app-${String(i).padStart(3, '0')}.example.com`;
  return {
    name,
    identifiers: i % 4 === 0 ? [name, `www.${name}`, `static.${name}`, `img.${name}`] : [name],
    issuer: 'letsencrypt',
    state: 'valid',
    notAfter: later(now, 32 + ((i * 7) % 56)),
    renewAt: later(now, 2 + ((i * 7) % 56)),
    targets: ['haproxy', 'cdn'],
    delivered: 2,
    served: { state: 'none', endpoints: 0, current: 0 },
    revision: `r1-${name}`,
  };
};

/** As a document has it. */
const notValidated: StoredError = {
  code: 'acme/invalid-authorization',
  params: {
    ...{ issuer: 'letsencrypt', identifier: 'shop.example.com', challenge: 'http-01' },
    detail:
      '203.0.113.7: Fetching http://shop.example.com/.well-known/acme-challenge/Hh3: Connection refused (CA: connection)',
    advice: 'Check that port 80 of every address of this name leads to the solver from the whole internet.',
  },
};

const messages: Partial<Record<State, { readonly message: string; readonly hint: string }>> = {
  failing: say(notValidated, 'en'),
  expired: {
    message: 'old.example.net: the domain has no address any longer (NXDOMAIN)',
    hint: 'Remove the name from certfleet.yaml, or add the record again.',
  },
  corrupt: {
    message: 'lineage/damaged.example.org is not valid JSON',
    hint: 'Restore it from a backup, or delete the certificate and issue it again.',
  },
};

export interface Fleet {
  readonly view: FleetView;
  readonly actions: FleetActions;
  draw(name: string, signal: AbortSignal): Promise<Drawn>;
  /** What was asked for. */
  readonly begun: readonly ActionRequest[];
  /** Replaces a row, and tells those who follow. */
  change(name: string, more: Partial<CertificateRow>): void;
  /** How many follow. */
  readonly followers: number;
}

export function createFleet({
  now,
  more = 0,
  has = states,
}: {
  readonly now: Date;
  readonly more?: number;
  /** Which of the states a certificate is in. */
  readonly has?: readonly State[];
}): Fleet {
  const rows = new Map<string, CertificateRow>();
  for (const state of has) rows.set(rowOf(state, now).name, rowOf(state, now));
  for (let i = 1; i <= more; i += 1) rows.set(plain(i, now).name, plain(i, now));
  let sequence = 1;
  const log: Changed[] = [];
  const waiting = new Set<() => void>();
  const begun: ActionRequest[] = [];
  let followers = 0;

  const change = (name: string, fields: Partial<CertificateRow>) => {
    const old = rows.get(name)!;
    sequence += 1;
    rows.set(name, { ...old, ...fields, revision: `r${sequence}-${name}` });
    log.push({ id: sequence, names: [name] });
    for (const wake of waiting) wake();
  };

  const view: FleetView = {
    get sequence() {
      return sequence;
    },
    overview: () => overviewOf([...rows.values()], { now, sequence }),
    list: (query) => listOf([...rows.values()], query, sequence),
    count: ({ search, issuer }) => {
      const all = { search, issuer, sort: 'name', limit: 1_000 } as const;
      const counts = noneOfEach();
      for (const { state } of listOf([...rows.values()], all, sequence).rows) counts[state] += 1;
      return counts;
    },
    certificate: async (name) => {
      const row = rows.get(name);
      return row && viewOf(row, now);
    },
    limits: async () => limitsAt(now),
    alarms: async () => alarmsAt(now),
    follow,
  };

  async function* follow(since: number, signal: AbortSignal): AsyncGenerator<Changed, void> {
    followers += 1;
    let known = since;
    try {
      while (!signal.aborted) {
        const isKnown = known >= 1 && known <= sequence;
        const fresh = log.filter(({ id }) => id > known);
        known = sequence;
        yield { id: known, names: isKnown ? [...new Set(fresh.flatMap(({ names = [] }) => names))] : undefined };
        if (known < sequence) continue;
        await new Promise<void>((resolve) => {
          const wake = () => {
            waiting.delete(wake);
            signal.removeEventListener('abort', wake);
            clearTimeout(beat);
            resolve();
          };
          const beat = setTimeout(wake, 500);
          waiting.add(wake);
          signal.addEventListener('abort', wake);
        });
      }
    } finally {
      followers -= 1;
    }
  }

  return {
    view,
    actions: {
      begin: async (request) => {
        begun.push(request);
      },
      ended: () => undefined,
      settle: async () => {},
    },
    draw: async (name) => drawnOf(name),
    begun,
    change,
    get followers() {
      return followers;
    },
  };
}

const nodeOf = (node: string, lastSeen: string): NodeStatus => ({
  ...{ node, version: '0.1.0', lacks: [] },
  running: [{ role: 'node', version: '0.1.0', configuration: 'c', since: lastSeen, lastSeen }],
});

function overviewOf(
  rows: readonly CertificateRow[],
  { now, sequence }: { readonly now: Date; readonly sequence: number },
): Overview {
  const byStateCount = Object.fromEntries(
    states.map((state) => [state, rows.filter((row) => row.state === state).length]),
  ) as Overview['byState'];
  const troubled = rows.filter(({ state }) => needsPerson.includes(state));
  const days = Array.from({ length: 45 }, (_, i) => {
    const date = later(now, i).slice(0, 10);
    return {
      date,
      renewals: rows.filter(({ renewAt }) => renewAt?.slice(0, 10) === date).length,
      expiries: 0,
    };
  });
  return {
    total: rows.length,
    byState: byStateCount,
    troubled,
    running: rows.filter(({ state }) => state === 'working'),
    days,
    nodes: [
      nodeOf('node-1', later(now, -0.0002)),
      { ...nodeOf('node-2', later(now, -0.0003)), more: 2 },
      {
        ...{ node: 'node-3', version: '0.1.0', lacks: [], more: 11, missing: 'node' as const },
        ...{ missingSince: later(now, -0.1), lastSeen: later(now, -0.2) },
      },
    ],
    node: 'node-1',
    issuers: ['letsencrypt', 'zerossl'],
    sequence,
  };
}

function listOf(rows: readonly CertificateRow[], query: ListQuery, sequence: number): ListPage {
  const { search, state, issuer, sort, after, limit } = query;
  const key = (row: CertificateRow) =>
    sort === 'name' ? row.name : `${(sort === 'expiry' ? row.notAfter : row.renewAt) ?? '9'} ${row.name}`;
  const found = rows
    .filter((row) => !search || [row.name, ...row.identifiers].some((one) => one.includes(search)))
    .filter((row) => (!state || row.state === state) && (!issuer || row.issuer === issuer))
    .sort((a, b) => (key(a) < key(b) ? -1 : 1));
  const from = after ? found.findIndex((row) => key(row) > after) : 0;
  const page = found.slice(from, from + limit);
  const last = page.at(-1);
  return {
    rows: page,
    ...(last && from + limit < found.length ? { next: key(last) } : {}),
    total: rows.length,
    sequence,
  };
}

export function viewOf(row: CertificateRow, now: Date): CertificateView {
  const { name, state, identifiers, issuer, notAfter, renewAt, targets } = row;
  const wrong = messages[state];
  const has = notAfter !== undefined;
  const failure = wrong && {
    code: state === 'corrupt' ? 'store/corrupt' : 'acme/invalid-authorization',
    ...wrong,
    count: 3,
    at: later(now, -0.1),
    retryAt: later(now, 0.05),
  };
  const status: LineageStatus = {
    name,
    origin: 'configuration',
    identifiers,
    issuer,
    state,
    ...(has
      ? {
          notAfter,
          notBefore: later(now, -30),
          serial: '04a1b2c3d4e5f60718293a4b5c6d7e8f9012',
          issuerName: 'E7',
          keyType: 'p256' as never,
          chain: ['E7', 'ISRG Root X1'],
        }
      : {}),
    ...(renewAt ? { renewAt, renewalSource: 'ari' as const } : {}),
    deployments: targets.map((target, i) => ({
      target,
      version: '20261101-1',
      state: state === 'pending' && i === 1 ? 'pending' : state === 'working' ? 'intended' : 'current',
      ...(target === 'haproxy' ? { node: 'node-1' } : {}),
      ...(state === 'pending' && i === 1
        ? { message: 'it still presents the certificate that expires on 14 December (serial 04ffee)' }
        : {}),
      ...(state === 'pending' && i === 0
        ? {
            places: {
              total: 12,
              lacking: 1,
              named: [{ place: 'static.example.com', state: 'stale' as const, reason: 'the domain is stopped' }],
            },
          }
        : {}),
    })),
    ...(failure ? { failure } : {}),
    ...(row.isPaused ? { paused: { at: later(now, -1), by: 'ada', reason: 'the proxy is replaced' } } : {}),
    ...(state === 'revoked'
      ? { revoked: { at: later(now, -1), reason: 'keyCompromise' as const, isReplaced: true } }
      : {}),
  };
  const isRun = state === 'working' || state === 'interrupted';
  return {
    row,
    status,
    revision: row.revision,
    runs: runsOf(state, now),
    ...(isRun
      ? {
          run: {
            step: row.step ?? 'order',
            startedAt: later(now, -0.0004),
            holder: '4021 on node-2',
            isCutOff: state === 'interrupted',
          },
        }
      : {}),
    ...(failure ? { failure } : {}),
    ...(state === 'undeclared'
      ? { declaredIn: 'nowhere' }
      : { declaredIn: 'file', file: '/etc/certfleet/certfleet.yaml' }),
    ...(renewAt ? { window: { start: later(now, 20), end: later(now, 32) } } : {}),
  };
}

function runsOf(state: State, now: Date): readonly RunEntry[] {
  if (state === 'missing' || state === 'corrupt') return [];
  const run = (id: string, days: number, more: Partial<RunEntry>): RunEntry => ({
    id,
    trigger: 'run',
    node: 'node-1',
    process: 'daemon',
    startedAt: later(now, days - 0.0002),
    endedAt: later(now, days),
    ms: 12_400,
    result: 'done',
    did: ['renewed', 'delivered'],
    version: '20261101-120002-5f4f2e',
    steps: [
      { step: 'lease', ms: 600 },
      { step: 'order', ms: 400 },
      { step: 'challenges', ms: 1100 },
      { step: 'validate', ms: 7000 },
      { step: 'finalize', ms: 1900 },
      { step: 'deploy', ms: 1400 },
    ],
    targets: [{ target: 'haproxy', node: 'node-1', result: 'delivered' }],
    ...more,
  });
  const good = [
    run('a3', -30, {}),
    run('a2', -90, { trigger: 'renew', forced: true }),
    run('a1', -150, { did: ['issued', 'delivered'] }),
  ];
  if (state !== 'failing' && state !== 'expired') return good;
  const failed = run('b1', -0.1, {
    result: 'failed',
    did: [],
    ms: 4200,
    code: 'acme/invalid-authorization',
    message: messages[state]?.message,
    caSays: '203.0.113.7: Fetching http://shop.example.com/.well-known/acme-challenge/Hh3: Connection refused',
    count: 3,
    since: later(now, -2),
    steps: [
      { step: 'lease', ms: 500 },
      { step: 'order', ms: 400 },
      { step: 'challenges', ms: 900 },
      { step: 'validate', ms: 2400 },
    ],
    targets: [],
    continued: { startedAt: later(now, -0.2), step: 'challenges', cutOff: '4021 on node-2' },
  });
  return [failed, ...good];
}

const limitsAt = (now: Date): readonly LimitsGlance[] => [
  {
    issuers: ['letsencrypt'],
    directory: 'https://acme-v02.api.letsencrypt.org/directory',
    isKnown: true,
    accounts: [{ name: 'default', url: 'https://acme-v02.api.letsencrypt.org/acme/acct/1' }],
    buckets: [
      {
        limit: 'newOrdersPerAccount',
        title: 'new orders per account',
        of: 'https://acme-v02.api.letsencrypt.org/acme/acct/1',
        quota: '300 new orders in 3 hours',
        burst: 300,
        periodSeconds: 10_800,
        left: 288,
        fullAt: later(now, 0.01),
      },
      {
        limit: 'certificatesPerDomain',
        title: 'new certificates per registered domain',
        of: 'example.com',
        quota: '50 certificates for example.com in 7 days',
        burst: 50,
        periodSeconds: 604_800,
        left: 6,
        fullAt: later(now, 6),
      },
      {
        limit: 'failedAuthorizations',
        title: 'failed validations per name and account',
        of: 'shop.example.com',
        quota: '5 failed validations of shop.example.com in an hour',
        burst: 5,
        periodSeconds: 3600,
        left: 0,
        nextAt: later(now, 0.008),
      },
    ],
  },
];

const alarmsAt = (now: Date): OpenAlarms => ({
  open: [
    {
      key: 'failing shop.example.com',
      kind: 'failing',
      certificate: 'shop.example.com',
      ...messages.failing!,
      since: later(now, -2),
      toldAt: later(now, -1),
      code: 'acme/invalid-authorization',
      failure: notValidated,
    },
    {
      key: 'node-missing node-3',
      kind: 'node-missing',
      node: 'node-3',
      message: `the node node-3 is missing: \`certfleet run\` gave its last sign of life there at ${later(now, -0.2)}`,
      hint: 'Start `certfleet run` there again or, if the node is gone for good, run `certfleet node forget node-3`.',
      since: later(now, -0.2),
      toldAt: later(now, -0.2),
    },
  ],
  more: 0,
});

const drawnOf = (name: string): Drawn => ({
  paths: [
    {
      certificate: name,
      identifier: name,
      challenge: 'http-01',
      solver: 'web',
      hops: [
        { at: 'name', state: 'well', finding: `${name} has 203.0.113.7` },
        { at: 'listener', state: 'well', finding: 'HTTP on port 80 of clb-7f3a' },
        { at: 'rule', state: 'cannot-tell', finding: 'no rule yet; the order adds one' },
        {
          at: 'answer',
          state: 'broken',
          finding: '203.0.113.7 refuses connections on port 80',
          advice: 'Open port 80 in the firewall of the balancer.',
          code: 'preflight/no',
        },
      ],
    },
  ],
  targets: [{ certificate: name, target: 'haproxy', hops: [{ at: 'target', state: 'well', finding: 'it answers' }] }],
});
