import { createSecureContext } from 'node:tls';
import type { FakeApi } from '../../src/testing/fake-api.ts';
import { bind } from './huawei-cdn/certificate.ts';
import { changeRoutes } from './huawei-cdn/change.ts';
import { describeRoutes } from './huawei-cdn/describe.ts';
import { createDomains } from './huawei-cdn/domains.ts';
import { refuseCdn } from './huawei-cdn/errors.ts';
import {
  type DomainStatus,
  type HuaweiCdnOptions,
  type PemOptions,
  type ScmOptions,
  strictBehaviour,
} from './huawei-cdn/options.ts';
import { type Answered, createGateway, type Route } from './huawei-gateway/gateway.ts';

export type { HuaweiCdnOptions } from './huawei-cdn/options.ts';

/**
 * Huawei Cloud's CDN (v1.0 and v1.1), as far as certificates need it, in memory; `serveFakeApi` puts the same behind a
 * port. Written from the public documents alone, which each file names.
 */
export interface HuaweiCdn {
  /** `http` for a client, and `fault` for what happens to calls: lost answers, proxies' pages, hangs, any refusal. */
  readonly api: FakeApi;
  /** The answer to each call, before a fault changed or lost it. */
  readonly records: readonly Answered[];
  /** What an edge node shows to a client that asks for the name; during a roll-out, old and new by turns. */
  served(name: string): { readonly pem: string; readonly sha256: string } | undefined;
  /** The callback of a TLS server that stands for an edge node. */
  sniCallback(
    name: string,
    done: (error: Error | null, context?: ReturnType<typeof createSecureContext>) => void,
  ): void;
  /**
   * Everything about the domains but the certificate and the status: HTTPS, HTTP/2, the way to the origin, the second
   * certificate. Two results are equal exactly if a change of certificates has changed nothing else.
   */
  settings(): readonly { readonly name: string }[];
  /** The certificate that is set, by its name, and its source; no key. */
  certificate(domain: string): { readonly name: string; readonly source: number } | undefined;
  /** Sets a certificate, as a person does in the console. */
  setByHand(domain: string, certificate: PemOptions): void;
  /** Sets a domain's status, as a person or the cloud does. */
  setStatus(domain: string, status: DomainStatus): void;
  setLocked(domain: string, isLocked: boolean): void;
  /** Lets the next roll-outs of a domain, though accepted, end without effect. */
  failRollOut(domain: string, status?: DomainStatus, times?: number): void;
  /** Lets IAM refuse these actions to every key; without arguments, none. */
  deny(...actions: readonly string[]): void;
}

export function createHuaweiCdn(options: HuaweiCdnOptions): HuaweiCdn {
  const { clock, keys, origins = [], scm = [] } = options;
  const behaviour = { ...strictBehaviour, ...options.behaviour };
  const domains = createDomains(options, behaviour);
  const isOfScm = (one: PemOptions | undefined): one is ScmOptions => one !== undefined && 'id' in one;
  const inUse = options.domains.flatMap(({ certificate, second }) => [certificate, second]).filter(isOfScm);
  const held = new Map([...scm, ...inUse].map((one) => [one.id, one]));
  const routes = {
    ...describeRoutes(domains),
    ...changeRoutes(domains, held, behaviour, () => clock.now().getTime()),
  };
  /** An account has all rights; its users may have to say for which project they ask. */
  const forUsers = (route: Route): Route => ({
    ...route,
    run(call) {
      const isUser = call.key.actions !== undefined && behaviour.userNamesProject;
      if (isUser && !call.query.has('enterprise_project_id')) throw refuseCdn('CDN.0021');
      return route.run(call);
    },
  });
  const gateway = createGateway({
    ...{ clock, keys, before: () => {} },
    origins: [...origins, 'https://cdn.myhuaweicloud.com'],
    routes: Object.fromEntries(Object.entries(routes).map(([name, route]) => [name, forUsers(route)])),
    wrong: (message) => refuseCdn('CDN.0001', message),
    denied: () => refuseCdn('CDN.0021'),
    refusal: ({ code, message }) =>
      code.startsWith('CDN.')
        ? { status: behaviour.refusalStatus, body: { error: { error_code: code, error_msg: message } } }
        : undefined,
  });
  const domainNamed = (name: string) => {
    const found = domains.all.find((one) => one.name === name);
    if (found === undefined) throw new Error(`There is no domain ${name}.`);
    return found;
  };
  return {
    api: gateway.api,
    records: gateway.records,
    deny: gateway.deny,
    served: (name) => domains.serve(name),
    sniCallback(name, done) {
      const found = domains.serve(name);
      done(null, found && createSecureContext({ cert: found.pem, key: found.key }));
    },
    settings: () =>
      domains.all.map(({ certificate, status: _status, failsAs: _failsAs, modifiedMs: _modified, ...rest }) => ({
        ...structuredClone(rest),
        isOn: certificate.value !== undefined,
      })),
    certificate: (name) => domainNamed(name).certificate.value,
    setByHand(name, given) {
      domains.set(domainNamed(name), bind(given, 'accepted'));
    },
    setStatus(name, status) {
      const domain = domainNamed(name);
      domain.certificate.settle();
      domain.status = status;
    },
    setLocked(name, isLocked) {
      domainNamed(name).isLocked = isLocked;
    },
    failRollOut(name, status = 'configure_failed', times = 1) {
      const domain = domainNamed(name);
      domain.failsAs = status;
      domain.certificate.failNext(times);
    },
  };
}
