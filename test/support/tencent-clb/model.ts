import type { CertificateFacts } from '../alibaba-gateway/pem.ts';
import { refuse } from '../tencent-gateway/errors.ts';
import type { HealthCheckOptions } from './options.ts';

export interface HealthCheck {
  HealthSwitch: number;
  TimeOut: number;
  IntervalTime: number;
  HealthNum: number;
  UnHealthNum: number;
  HttpCode: number;
  HttpCheckPath: string;
  HttpCheckDomain: string;
  HttpCheckMethod: string;
  SourceIpType: number;
}

export interface Target {
  readonly instance: string;
  /** Whether it was bound by its address. */
  readonly byIp: boolean;
  readonly ip: string;
  readonly port: number;
  weight: number;
  /** When it came into effect. */
  boundMs: number;
}

/** The server certificates (one for each algorithm) and how clients are checked. */
export interface Binding {
  readonly SSLMode: string;
  readonly SSLVerifyClient: string;
  readonly certIds: readonly string[];
  readonly CertCaId: string;
}

export interface Rule {
  readonly id: string;
  domains: readonly string[];
  url: string;
  check: HealthCheck;
  scheduler: string;
  sessionExpireTime: number;
  forwardType: string;
  isDefault: boolean;
  http2: boolean;
  binding: Binding | undefined;
  targets: Target[];
  readonly redirect: { readonly listenerId: string; readonly port: number } | undefined;
}

export interface Listener {
  readonly id: string;
  name: string;
  readonly protocol: 'HTTP' | 'HTTPS' | 'TCP';
  readonly port: number;
  sni: boolean;
  binding: Binding | undefined;
  rules: Rule[];
}

export interface LoadBalancer {
  readonly id: string;
  readonly region: string;
  readonly name: string;
  readonly listeners: Listener[];
}

export interface Certificate extends CertificateFacts {
  readonly id: string;
  readonly alias: string;
  readonly pem: string;
  readonly key: string;
  readonly insertedMs: number;
}

/** The documented defaults, with what was given. */
export const healthCheck = (given: HealthCheckOptions = {}, domain = ''): HealthCheck => ({
  HealthSwitch: given.on === false ? 0 : 1,
  TimeOut: given.timeout ?? 2,
  IntervalTime: given.interval ?? 5,
  HealthNum: given.healthy ?? 3,
  UnHealthNum: given.unhealthy ?? 3,
  HttpCode: given.codes ?? 31,
  HttpCheckPath: given.path ?? '/',
  HttpCheckDomain: given.domain ?? domain,
  HttpCheckMethod: given.method ?? 'HEAD',
  SourceIpType: 1,
});

export const isLayer7 = ({ protocol }: Listener): boolean => protocol !== 'TCP';

/** Domains match exact, then `*.x`, then `x.*`, then by expression (product/214/9032). The longer one is first. */
export function matchingDomain(domains: readonly string[], host: string): string | undefined {
  const byLength = [...domains].sort((a, b) => b.length - a.length);
  return (
    byLength.find((domain) => domain === host) ??
    byLength.find((domain) => domain.startsWith('*.') && host.endsWith(domain.slice(1))) ??
    byLength.find((domain) => domain.endsWith('.*') && host.startsWith(domain.slice(0, -1))) ??
    byLength.find((domain) => domain.startsWith('~') && new RegExp(domain.slice(1)).test(host))
  );
}

/** URLs match `=`, then `^~`, then by expression, then by the longest prefix. */
export function matchingRule(rules: readonly Rule[], path: string): Rule | undefined {
  const longest = (prefix: string) =>
    rules
      .filter(({ url }) => url.startsWith(`${prefix}/`) && path.startsWith(url.slice(prefix.length)))
      .sort((a, b) => b.url.length - a.url.length)[0];
  const expression = rules.find(({ url }) => {
    const [, flags, text] = /^~(\*?)\s*(.+)$/.exec(url) ?? [];
    return text !== undefined && new RegExp(text, flags === '*' ? 'i' : '').test(path);
  });
  return rules.find(({ url }) => url === `=${path}`) ?? longest('^~') ?? expression ?? longest('');
}

/**
 * The rule that takes a request. A host that no domain matches gets the default domain; a path that no URL of the
 * domain matches gets none.
 */
export function ruleFor({ rules }: Listener, host: string, path: string): Rule | undefined {
  const domain =
    matchingDomain(
      rules.flatMap(({ domains }) => domains),
      host,
    ) ?? rules.find(({ isDefault }) => isDefault)?.domains[0];
  const own = rules.filter(({ domains }) => domain !== undefined && domains.includes(domain));
  return matchingRule(own, path.replace(/\?.*$/s, ''));
}

/** The certificates for a client that asks for this name: with SNI those of its domain, or of the default one. */
export function bindingFor({ sni, binding, rules }: Listener, name: string): Binding | undefined {
  if (!sni) return binding;
  const domain = matchingDomain(
    rules.flatMap(({ domains }) => domains),
    name,
  );
  const isIts = (rule: Rule) => (domain === undefined ? rule.isDefault : rule.domains.includes(domain));
  return rules.find(isIts)?.binding;
}

const label = '[a-z0-9]([a-z0-9-]*[a-z0-9])?';
const exact = new RegExp(`^${label}(\\.${label})*$`, 'i');

/** Returns the domain as it is kept. */
export function checkDomain(domain: string): string {
  const bare = domain.replace(/^\*\./, '').replace(/\.\*$/, '');
  const isFine = domain.startsWith('~') ? domain.length > 1 : exact.test(bare);
  if (domain.length < 1 || domain.length > 80) throw refuse('InvalidParameterValue.Length', 'Domain is too long.');
  if (!isFine || domain.startsWith('_')) throw refuse('InvalidParameter.FormatError', `Domain ${domain} is wrong.`);
  return domain.toLowerCase();
}

export function checkUrl(url: string): string {
  if (url.length < 1 || url.length > 200) throw refuse('InvalidParameterValue.Length', 'Url is too long.');
  const isExpression = /^~\*?\s*\S+$/.test(url);
  if (!isExpression && !/^(=|\^~)?\/[A-Za-z0-9_\-.&#?=%/]*$/.test(url))
    throw refuse('InvalidParameter.FormatError', `Url ${url} is wrong.`);
  return url;
}
