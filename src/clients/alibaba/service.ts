import type { CertfleetError } from '../../core/errors/errors.ts';
import { fail } from '../../core/errors/errors.ts';
import type { Fields } from '../../core/text/json.ts';
import { present } from '../../core/text/present.ts';
import type { World } from '../../ports/world.ts';
import { balancerError } from '../http/balancer-errors.ts';
import { type AlibabaParams, createAlibaba } from './alibaba.ts';
import { type AlibabaKeyOptions, alibabaInstance, alibabaKeys } from './credentials.ts';

/** What a service of Alibaba Cloud is called by. */
export interface Service {
  /** In messages: `Alibaba Cloud CDN`. */
  readonly title: string;
  readonly endpoint: string;
  readonly version: string;
  /** The service's name in RAM policies. */
  readonly ram: string;
  readonly anyResource?: true;
  readonly resourceOf?: (params: Readonly<Record<string, string>>) => string;
  /** What to do about a refusal of which nothing else is known. */
  readonly advice?: string;
  readonly refusedCodes?: readonly string[];
  readonly busyCodes?: readonly string[];
  readonly busyBudgetMs?: number;
  /** What a code of `busyCodes` means after the wait, if not that another change was still being applied. */
  readonly waitedInVain?: Readonly<Record<string, string>>;
}

export interface ServiceContext {
  readonly service: Service;
  readonly options: AlibabaKeyOptions;
  /** The adapter's name in the configuration. */
  readonly name: string;
  readonly world: Pick<World, 'clock' | 'random' | 'log' | 'files' | 'http'>;
}

/** The calls of one service, with their parameters in the body. Errors are `balancer/…`, with the API's request ID. */
export function connectService({ service, options, name, world }: ServiceContext) {
  const { clock, random, log, files } = world;
  const { title, busyCodes = [], busyBudgetMs, waitedInVain = {}, advice, ...own } = service;
  const http = world.http();
  const instance = alibabaInstance({ http, name });
  const api = createAlibaba({
    ...{ http, clock, random, log, name, inBody: true, ...own },
    credentials: alibabaKeys(options, { http, clock, random, log, files, instance, name }),
    error(trouble) {
      const inVain = trouble.kind === 'busy' ? waitedInVain[trouble.code ?? ''] : undefined;
      if (inVain === undefined) return balancerError(title, { ...trouble, advice: trouble.advice ?? advice });
      return balancerError(title, { ...trouble, kind: 'refused', advice: inVain });
    },
  });
  const call =
    (mutates: boolean) =>
    <T>(action: string, params: AlibabaParams, parse: (answer: Fields) => T, signal: AbortSignal): Promise<T> =>
      api.call(action, params, parse, { signal, mutates, busyCodes, ...present({ busyBudgetMs }) });
  return {
    read: call(false),
    /** Never repeated after a lost answer. */
    change: call(true),
    badList:
      (action: string) =>
      (reason: string): CertfleetError =>
        fail('balancer/failed', { balancer: title, action, reason }),
  };
}
