import { type CertfleetError, fail, isFailure, reasonOf } from '../core/errors.ts';
import { createSingleFlight } from '../core/single-flight.ts';
import type { Clock } from '../ports/clock.ts';
import type { Directory } from '../ports/issuer.ts';
import { type Answer, isFields, MalformedAnswer, readObject, readText, readUrl } from './answer.ts';
import type { Ask, Requests } from './requests.ts';

/** The directory (RFC 8555 §7.1.1) with the URLs that only this folder needs. */
export interface Resources {
  readonly newNonce: string;
  readonly newAccount: string;
  readonly newOrder: string;
  readonly renewalInfo: string | undefined;
  readonly facts: Directory;
}

/** Directories have about 1 KiB; a web page that stands at a wrong URL is not read to its end. */
const directoryBytes = 64 * 1024;

export function readDirectory(answer: Answer): Resources {
  const fields = readObject(answer);
  const optional = (name: string) => (fields[name] === undefined ? undefined : readUrl(fields[name], name, answer));
  const required = (name: string) => {
    if (fields[name] === undefined) throw new MalformedAnswer(`${name} is missing`);
    return readUrl(fields[name], name, answer);
  };
  const meta = isFields(fields['meta']) ? fields['meta'] : {};
  const renewalInfo = optional('renewalInfo');
  return {
    newNonce: required('newNonce'),
    newAccount: required('newAccount'),
    newOrder: required('newOrder'),
    renewalInfo,
    facts: {
      termsOfService: readText(meta['termsOfService']),
      externalAccountRequired: meta['externalAccountRequired'] === true,
      caaIdentities: Array.isArray(meta['caaIdentities'])
        ? meta['caaIdentities'].filter((v) => typeof v === 'string')
        : [],
      hasRenewalInfo: renewalInfo !== undefined,
      profiles: isFields(meta['profiles'])
        ? Object.fromEntries(Object.entries(meta['profiles']).map(([name, text]) => [name, readText(text) ?? '']))
        : {},
      clockSkewMs: answer.sentAt && answer.receivedAt.getTime() - answer.sentAt.getTime(),
    },
  };
}

/** The CA's HTTPS certificate is not valid now, by this machine's clock. */
const wrongDates: readonly unknown[] = ['CERT_NOT_YET_VALID', 'CERT_HAS_EXPIRED'];

function notReached(url: string, error: CertfleetError): CertfleetError {
  const { code } = ((error.cause as Error | undefined)?.cause ?? {}) as { readonly code?: unknown };
  const about = { url, reason: reasonOf(error.cause) };
  return fail(wrongDates.includes(code) ? 'acme/certificate-dates' : 'acme/directory-unreachable', about, {
    cause: error,
  });
}

/**
 * How long a CA that could not be reached is not asked again. Finding that out takes up to 90 s, and each of a thousand
 * orders of a pass would do it anew; a minute is what a failed order waits at least.
 */
const unreachableMs = 60_000;

/**
 * Fetches the directory once, when it is first needed; who comes meanwhile waits for the same answer. A CA that named
 * a time to come again, or that could not be reached, is not asked before its time by anybody: all certificates of a
 * pass share this.
 *
 * With `afresh` it is fetched again: who begins something makes sure that a CA which gave no answer lately is there.
 */
export function createDirectory(
  url: string,
  requests: Requests,
  clock: Pick<Clock, 'now'>,
): (signal: AbortSignal, afresh?: boolean) => Promise<Resources> {
  let known: Resources | undefined;
  let refused: { readonly error: CertfleetError; readonly until: Date } | undefined;
  const share = createSingleFlight<Resources>();

  const load = async (signal: AbortSignal): Promise<Resources> => {
    const ask: Ask = {
      what: 'the request for its directory',
      signal,
      maxBytes: directoryBytes,
      // A page that is not there says that the URL is wrong; a CA that is busy or limiting says so itself.
      refusal: ({ status }) =>
        status < 500 && status !== 429 ? fail('acme/not-a-directory', { url, reason: `HTTP ${status}` }) : undefined,
    };
    try {
      known = readDirectory(await requests.get(url, ask));
      return known;
    } catch (error) {
      if (error instanceof MalformedAnswer) throw fail('acme/not-a-directory', { url, reason: error.message });
      if (isFailure(error, 'acme/malformed-answer')) throw fail('acme/not-a-directory', { url, reason: error.message });
      if (isFailure(error, 'acme/unreachable')) {
        const unreachable = notReached(url, error);
        refused = { error: unreachable, until: new Date(clock.now().getTime() + unreachableMs) };
        throw unreachable;
      }
      if (isFailure(error) && error.retryAt) refused = { error, until: error.retryAt };
      throw error;
    }
  };

  return async (signal, afresh = false) => {
    signal.throwIfAborted();
    if (known && !afresh) return known;
    if (refused && refused.until > clock.now()) throw refused.error;
    return share('', () => load(signal), signal);
  };
}
