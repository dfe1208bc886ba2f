/** Finds out which ACME resource a request is for, from the URLs in the CA's answers. */
export type AcmeKind =
  | 'directory'
  | 'newNonce'
  | 'newAccount'
  | 'account'
  | 'orders'
  | 'newOrder'
  | 'order'
  | 'authorization'
  | 'challenge'
  | 'finalize'
  | 'certificate'
  | 'renewalInfo'
  | 'revokeCert'
  | 'keyChange'
  | 'other';

const directoryKeys = ['newNonce', 'newAccount', 'newOrder', 'revokeCert', 'keyChange'] as const;

// Pebble's paths, for URLs of an order that is older than this proxy (a resumed one).
const pebblePaths: readonly (readonly [string, AcmeKind])[] = [
  ['/my-order/', 'order'],
  ['/authZ/', 'authorization'],
  ['/chalZ/', 'challenge'],
  ['/finalize-order/', 'finalize'],
  ['/certZ/', 'certificate'],
  ['/list-orderz/', 'orders'],
  ['/my-account/', 'account'],
];

/** Learns paths from answers. */
export interface KindMap {
  kindOf(path: string): AcmeKind;
  /** `json` is undefined if the answer is not JSON; `location` is the Location header. */
  learn(kind: AcmeKind, json: unknown, location: string | undefined): void;
}

export function createKindMap(directoryPath: string): KindMap {
  const known = new Map<string, AcmeKind>([[directoryPath, 'directory']]);
  let renewalInfo: string | undefined;
  const remember = (url: unknown, kind: AcmeKind): void => {
    if (typeof url !== 'string' || !URL.canParse(url)) return;
    const { pathname } = new URL(url);
    if (!known.has(pathname)) known.set(pathname, kind);
  };
  return {
    kindOf(path) {
      const pathname = path.split('?')[0] ?? path;
      const kind = known.get(pathname);
      if (kind !== undefined) return kind;
      if (renewalInfo !== undefined && pathname.startsWith(`${renewalInfo}/`)) return 'renewalInfo';
      return pebblePaths.find(([prefix]) => pathname.startsWith(prefix))?.[1] ?? 'other';
    },
    learn(kind, json, location) {
      if (kind === 'newOrder' || kind === 'finalize') remember(location, 'order');
      if (kind === 'newAccount') remember(location, 'account');
      if (typeof json !== 'object' || json === null) return;
      const answer = json as Record<string, unknown>;
      if (kind === 'directory') {
        for (const key of directoryKeys) remember(answer[key], key);
        const base = answer.renewalInfo;
        if (typeof base === 'string' && URL.canParse(base)) renewalInfo = new URL(base).pathname;
      }
      if (kind === 'newAccount' || kind === 'account') remember(answer.orders, 'orders');
      if (kind === 'orders') for (const url of listOf(answer.orders)) remember(url, 'order');
      for (const url of listOf(answer.authorizations)) remember(url, 'authorization');
      remember(answer.finalize, 'finalize');
      remember(answer.certificate, 'certificate');
      for (const challenge of listOf(answer.challenges)) remember((challenge as { url?: unknown }).url, 'challenge');
    },
  };
}

const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);
