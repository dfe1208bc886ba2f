import type { ErrorCode, exitCodes } from '../errors/error-table.ts';
import { CertfleetError, isFailure } from '../errors/errors.ts';
import { neverArrived } from '../errors/unsent.ts';
import { type ProblemType, problemType } from './problem-advice.ts';

/**
 * What an error proves about the outside world. A run removes a challenge or an order from its journal based on these
 * answers, so the tables name every area, and every code of an area whose codes differ: the compiler reports a missing
 * one. An error that proves nothing has the answer that keeps the journal entry.
 */

type Area = keyof typeof exitCodes;
type CodeOf<A extends Area> = Extract<ErrorCode, `${A}/${string}`>;
/** One answer for an area, or one for each of the area's codes. */
type Answers<T> = { readonly [A in Area]: T | { readonly [C in CodeOf<A>]: T } };

function answerFor<T>(answers: Answers<T>, { code }: CertfleetError): T {
  const area = code.slice(0, code.indexOf('/')) as Area;
  const answer: unknown = answers[area];
  return (typeof answer === 'object' && answer !== null ? (answer as Record<string, T>)[code] : answer) as T;
}

/**
 * Whether an error of a solver's `present`, or of a DNS provider, proves that the call has written nothing. After its
 * first write, a provider may fail only with a code whose answer is `no`, such as `dns/failed`. `if unsent` means yes
 * if the innermost cause shows that the request never arrived.
 */
const nothingWritten: Answers<'yes' | 'no' | 'if unsent'> = {
  usage: 'no',
  config: 'yes',
  identifier: 'no',
  account: 'no',
  access: 'no',
  lineage: 'no',
  preflight: {
    'preflight/no': 'no',
    'preflight/cannot-tell': 'no',
    'preflight/hides-wildcard': 'yes',
  },
  acme: 'no',
  dns: {
    'dns/zone-not-found': 'yes',
    'dns/no-nameserver': 'yes',
    'dns/lookup-failed': 'no',
    'dns/not-visible': 'no',
    'dns/delegated': 'yes',
    'dns/cname-loop': 'yes',
    'dns/refused': 'yes',
    'dns/limited': 'yes',
    'dns/failed': 'no',
    'dns/script-failed': 'no',
    'dns/needs-person': 'no',
    'dns/conflict': 'yes',
    'dns/clock-skew': 'yes',
    'dns/unreachable': 'if unsent',
    'dns/bad-answer': 'no',
  },
  solver: 'no',
  balancer: 'no',
  deploy: 'no',
  notify: 'no',
  schedule: 'no',
  store: 'no',
  import: 'no',
  network: 'no',
  process: 'no',
  output: 'no',
  bug: 'no',
};

export function provesNothingWritten(error: unknown): boolean {
  if (!(error instanceof CertfleetError)) return false;
  const answer = answerFor(nothingWritten, error);
  return answer === 'yes' || (answer === 'if unsent' && neverArrived(error));
}

/** Whether an error that ends a run proves that the run's order is dead. */
const orderDead: Answers<boolean> = {
  usage: false,
  config: false,
  identifier: false,
  account: false,
  access: false,
  lineage: false,
  preflight: false,
  acme: {
    'acme/directory-unreachable': false,
    'acme/certificate-dates': false,
    'acme/not-a-directory': false,
    'acme/clock-skew': false,
    'acme/no-account': false,
    'acme/problem': false,
    'acme/rate-limited': false,
    'acme/account-deactivated': false,
    'acme/open-order': false,
    'acme/paused': false,
    'acme/busy': false,
    'acme/unreachable': false,
    'acme/malformed-answer': false,
    // An order dies with one of its authorizations (RFC 8555 §7.1.6).
    'acme/invalid-authorization': true,
    'acme/invalid-order': true,
    // The CA does not finalize an order whose profile it has withdrawn.
    'acme/profile-refused': true,
    'acme/no-usable-challenge': false,
    'acme/wrong-certificate': false,
    'acme/timeout': false,
    'acme/hold': false,
    'acme/limited': false,
    'acme/limited-too-long': false,
    'acme/external-account-required': false,
    'acme/external-account-refused': false,
    'acme/no-caa-identity': false,
    'acme/cannot': false,
    'acme/down': false,
  },
  dns: false,
  solver: false,
  balancer: false,
  deploy: false,
  notify: false,
  schedule: false,
  store: false,
  import: false,
  network: false,
  process: false,
  output: false,
  bug: false,
};

export const provesOrderDead = (error: unknown): boolean =>
  error instanceof CertfleetError && answerFor(orderDead, error);

/**
 * Whether this problem, as the CA's response to a request for an order, means that the account has no such order:
 * Boulder returns 404 and `malformed`. After any other refusal (new terms of service, a firewall), the order may still
 * exist. Two of these types are also responses to a signature made with a key that the account no longer has.
 */
const orderGone: Readonly<Record<ProblemType, boolean>> = {
  accountDoesNotExist: true,
  alreadyReplaced: false,
  badCSR: false,
  badPublicKey: false,
  badSignatureAlgorithm: false,
  caa: false,
  compound: false,
  connection: false,
  dns: false,
  externalAccountRequired: false,
  incorrectResponse: false,
  invalidContact: false,
  invalidProfile: false,
  malformed: true,
  orderNotReady: false,
  rateLimited: false,
  rejectedIdentifier: false,
  serverInternal: false,
  tls: false,
  unauthorized: true,
  unsupportedContact: false,
  unsupportedIdentifier: false,
  userActionRequired: false,
};

export const provesOrderGone = (error: unknown): boolean =>
  isFailure(error, 'acme/problem') &&
  (statusOf(error) === 404 || orderGone[problemType(error) as ProblemType] === true);

/**
 * Reports whether a request for an order got a 404 without a problem document: either Pebble no longer has the order,
 * or a proxy in front of the CA does not know the path. Only another response of the CA tells which.
 */
export const mayMeanOrderGone = (error: unknown): boolean =>
  isFailure(error, 'acme/busy') && statusOf(error) === 404 && error.retryAt === undefined;

const statusOf = ({ problem }: CertfleetError): number | undefined =>
  ((problem ?? {}) as { readonly status?: number }).status;
