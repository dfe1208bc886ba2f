import { challengePath } from '../ca/challenge-path.ts';
import { cut, remoteText } from '../errors/remote-text.ts';
import type { Hop } from './hop.ts';

/** What one address answered to a request for the challenge path, after redirects. */
export type PathAnswer = {
  /** The URL of the last request. */
  readonly url: string;
  readonly redirects: number;
} & (
  | { readonly kind: 'answer'; readonly status: number; readonly body: string }
  | {
      readonly kind: 'redirect';
      readonly to: string;
      readonly problem: 'loses-path' | 'elsewhere' | 'nowhere' | 'loop';
    }
  | { readonly kind: 'not-fetched'; readonly address: string; readonly forbidden: boolean }
  /**
   * `phase`: `connect` without a connection, `exchange` if TLS or HTTP failed on it. `code`: from the system or the
   * parser.
   */
  | {
      readonly kind: 'failed';
      readonly phase: 'connect' | 'exchange';
      readonly code?: string | undefined;
      readonly words: string;
    }
);

export interface AnswerContext {
  /** The name's address that was requested first. */
  readonly address: string;
  readonly host: string;
  readonly path: string;
  /** The body that identifies certfleet's answer; undefined if nothing serves it now. */
  readonly expected: string | undefined;
  /** Whether a wrong answer from here proves that the CA gets one too. */
  readonly isProof: boolean;
  /** Whether the operator named resolvers that see what the CA sees, so that the CA gets the same refusal. */
  readonly seesAsTheCa: boolean;
  /** Whether another address of the name answered. */
  readonly othersAnswer: boolean;
}

/** Judges an answer, and gives the likely reason if it is wrong. */
export function verdictOnAnswer(answer: PathAnswer, context: AnswerContext): Hop {
  const { address, host, expected, isProof } = context;
  const wrong = { at: 'answer', ...(isProof ? brokenPath : unknown) } as const;
  const from = answer.redirects > 0 ? `${address} (redirected to ${shown(answer.url)})` : address;
  switch (answer.kind) {
    case 'not-fetched': {
      const what = answer.address === address ? address : `${from}: its address ${answer.address}`;
      return answer.forbidden
        ? {
            at: 'answer',
            ...brokenPath,
            reason: 'not-fetched',
            finding: `${what} is link-local or a metadata address, so nothing was requested from it; no CA can reach it`,
            advice: `Remove the record, or the redirect, that leads to ${answer.address}.`,
          }
        : {
            at: 'answer',
            ...unknown,
            reason: 'not-fetched',
            finding: `${what} is private, so nothing was requested from it; a public CA cannot reach it`,
            advice:
              'If the CA sees other addresses than this machine, or is in this network, name resolvers that see what it sees (preflight.resolvers).',
          };
    }
    case 'failed':
      return { at: 'answer', ...failure(answer, context) };
    case 'redirect':
      return redirect(answer, { ...wrong, finding: from }, context);
    default: {
      const page = pageOf(answer);
      if (page !== undefined) return { ...wrong, ...page, finding: `${from} ${page.finding}` };
      if (answer.status === 400)
        return {
          ...(expected === undefined ? { at: 'answer', ...unknown } : wrong),
          reason: 'proxy-protocol',
          finding: `${from} answers 400 to a valid request: perhaps the balancer sends a PROXY protocol line that the server behind it does not expect`,
          advice: 'Switch the PROXY protocol off for this listener, or on at the server behind it.',
        };
      const said = `${from} answers ${answer.status}${beginning(answer.body)}`;
      if (expected === undefined) {
        const isDown = gatewayStatuses.includes(answer.status);
        return isDown
          ? {
              at: 'answer',
              ...unknown,
              reason: 'no-healthy-backend',
              finding: `${said}: no server behind it is healthy`,
              advice: `Look at the servers that serve ${host} today; certfleet's own are added for each order.`,
            }
          : { at: 'answer', state: 'well', finding: said };
      }
      if (answer.status === 200 && answer.body.trimEnd() === expected)
        return { at: 'answer', state: 'well', finding: `${from} gives certfleet's answer` };
      if (gatewayStatuses.includes(answer.status))
        return {
          ...wrong,
          reason: 'no-healthy-backend',
          finding: `${said}: the balancer has no healthy server for this path`,
          advice:
            'Let the balancer reach the responder: its port, the security group or firewall, and the health check that the balancer makes.',
        };
      return {
        ...wrong,
        reason: 'wrong-backend',
        finding: `${said}, which is not certfleet's answer: the request reaches another server`,
        advice: `Make http://${host}${challengePath} lead to the responder; look for a rule, proxy or cache in front of it.`,
      };
    }
  }
}

type Verdict = Omit<Hop, 'at'>;

const brokenPath = { state: 'broken', code: 'preflight/no' } as const;
const unknown = { state: 'cannot-tell' } as const;
const gatewayStatuses: readonly number[] = [502, 503, 504];
/** System errors that mean that this machine has no route to an address. */
const noRouteCodes: readonly string[] = ['ENETUNREACH', 'EHOSTUNREACH', 'EAFNOSUPPORT', 'EADDRNOTAVAIL'];

const shown = (url: string): string => remoteText(url, 200);

/** Explains why there is no answer, by how far the connection came. */
function failure(answer: PathAnswer & { readonly kind: 'failed' }, context: AnswerContext): Verdict {
  const { address, isProof, othersAnswer, host } = context;
  const { phase, code = '', words, redirects } = answer;
  if (phase === 'exchange') {
    const garbage = code.startsWith('HPE_');
    return {
      ...(garbage && isProof ? brokenPath : unknown),
      reason: 'proxy-protocol',
      finding: `${address} ${garbage ? 'answers something that is not HTTP' : 'closes the connection without an answer'} (${remoteText(words, 200)}): perhaps it expects a PROXY protocol line or TLS, or a firewall cut the connection`,
      advice:
        'Switch the PROXY protocol off where the public reaches this port, and check that the port serves plain HTTP.',
    };
  }
  const silent = `${redirects > 0 ? shown(answer.url) : address} does not answer: ${remoteText(words, 200)}`;
  const isIpv6 = address.includes(':');
  if (isIpv6 && othersAnswer && redirects === 0) {
    const noRoute = noRouteCodes.includes(code);
    return {
      ...(code === 'ECONNREFUSED' && isProof ? brokenPath : unknown),
      reason: 'ipv6-not-served',
      finding: `${silent}; ${noRoute ? 'this machine has no route over IPv6' : 'IPv6 is not served, though IPv4 is'}`,
      advice: `Most CAs ask over IPv6 first. Serve ${host} over IPv6 as over IPv4, or remove the AAAA record${noRoute ? '; to be sure, run doctor where there is IPv6' : ''}.`,
    };
  }
  if (code === 'ECONNREFUSED')
    return {
      ...(isProof && context.seesAsTheCa ? brokenPath : unknown),
      reason: 'nothing-listens',
      finding: `${silent}; nothing listens there${context.seesAsTheCa ? '' : ', or this network does not lead its own public address back (hairpin NAT)'}`,
      advice: 'Check that the balancer has a running listener on this port.',
    };
  return {
    ...unknown,
    reason: 'hairpin-nat',
    finding: `${silent}; perhaps this machine cannot reach its own public address (hairpin NAT), or a firewall drops the packets`,
    advice: 'This proves nothing about the CA. To be sure, request the URL from outside this network.',
  };
}

function redirect(answer: PathAnswer & { readonly kind: 'redirect' }, base: Hop, { path, host }: AnswerContext): Hop {
  const to = shown(answer.to);
  if (isFilingHost(answer.to)) {
    const { reason, what, advice } = filing;
    return { ...base, reason, advice, finding: `${base.finding} redirects to ${to}, ${what}` };
  }
  switch (answer.problem) {
    case 'loses-path':
      return {
        ...base,
        reason: 'redirect-loses-path',
        finding: `${base.finding} redirects ${shown(path)} to ${to}, which loses the path`,
        advice: `Redirect with the path ("return 301 https://$host$request_uri" in nginx), or exclude ${challengePath} of ${host} from the redirect.`,
      };
    case 'elsewhere':
      return {
        ...base,
        reason: 'redirect-elsewhere',
        finding: `${base.finding} redirects to ${to}; a CA follows http on port 80 and https on port 443 only`,
        advice: `Exclude ${challengePath} of ${host} from the redirect.`,
      };
    case 'nowhere':
      return {
        at: base.at,
        ...unknown,
        reason: 'redirect-elsewhere',
        finding: `${base.finding} redirects to ${to}, and no address of that host was found`,
        advice: `Give that host an address, or exclude ${challengePath} of ${host} from the redirect.`,
      };
    default:
      return {
        ...base,
        reason: 'redirect-loop',
        finding: `${base.finding} redirects more than ten times, last to ${to}`,
        advice: `Exclude ${challengePath} of ${host} from the redirect.`,
      };
  }
}

/** Recognises a page served by something in between. */
function pageOf({ status, body, url }: { readonly status: number; readonly body: string; readonly url: string }) {
  const page = cut(body, mostPage);
  const title = /<title[^>]*>([^<]*)/i.exec(page)?.[1] ?? '';
  // Many pages have a filing number in their footer, so the words count only if the page is about it.
  if (isFilingHost(url) || filingWords.test(title) || (status === 403 && filingWords.test(page)))
    return { reason: filing.reason, advice: filing.advice, finding: `answers ${status} with ${filing.what}` } as const;
  if (blocking.includes(status) && firewallWords.test(page))
    return {
      reason: 'waf',
      finding: `answers ${status} with the page of a web application firewall`,
      advice: `Let requests of ${challengePath} pass the firewall without a challenge or a country filter: CAs ask from several countries.`,
    } as const;
  return undefined;
}

const filing = {
  reason: 'icp-filing',
  what: 'a page about a missing ICP filing (备案): the provider blocks the name before it reaches the balancer',
  advice: 'File the name (ICP) at the provider of this address, or use DNS-01, which needs no HTTP.',
} as const;

/** The maximum length of a page that is examined: a body may be long, and crafted to be slow to match. */
const mostPage = 8_192;
const filingWords = /备案|beian|non-compliance icp filing|icp (licen[cs]e|filing|record)/i;
const filingHosts = /(^|\.)(beian\..*|batit\.aliyun\.com|webblock\..*|dnspod\.qcloud\.com)$/i;
const blocking: readonly number[] = [403, 405, 406, 429];
const firewallWords =
  /web application firewall|\bwaf\b|errors\.aliyun\.com|request (has been|was|is) blocked|potential threats|attention required|cf-error-details|incapsula|captcha/i;

const isFilingHost = (url: string): boolean => URL.canParse(url) && filingHosts.test(new URL(url).hostname);

/** Returns the beginning of a body, which shows whose answer it is. */
function beginning(body: string): string {
  const text = remoteText(
    cut(body, 1_000)
      .replaceAll(/<[^>]*>/g, ' ')
      .replaceAll(/\s+/g, ' '),
    60,
  );
  return text === '' ? '' : ` ("${text}")`;
}
