import { createSingleFlight } from '../core/async/single-flight.ts';
import { type CertfleetError, fail, isFailure, reasonOf } from '../core/errors/errors.ts';
import { remoteText } from '../core/errors/remote-text.ts';
import { isFields } from '../core/text/json.ts';
import type { Clock } from '../ports/clock.ts';
import type { Directory } from '../ports/issuer.ts';
import { type Answer, MalformedAnswer, readObject, readText, readUrl } from './answer.ts';
import { readIssuerDomainNames } from './issuer-domain-names.ts';
import type { Ask, Requests } from './requests.ts';

/** The directory (RFC 8555 §7.1.1), with the URLs that only this folder needs. */
export interface Resources {
  readonly newNonce: string;
  readonly newAccount: string;
  readonly newOrder: string;
  readonly renewalInfo: string | undefined;
  readonly revokeCert: string | undefined;
  readonly keyChange: string | undefined;
  readonly facts: Omit<Directory, 'clockSkewMs'>;
}

/** The size limit. Directories have about 1 KiB, and a web page at a wrong URL is not read completely. */
const directoryBytes = 64 * 1024;

// Far more than any CA has. Hints list them all.
const mostCaaIdentities = 20;
const mostProfiles = 50;

const readCaaIdentities = (value: unknown): readonly string[] =>
  Array.isArray(value)
    ? value.filter((name) => typeof name === 'string' && /^[\w.-]{1,255}$/.test(name)).slice(0, mostCaaIdentities)
    : [];

/** Reads a prefix for URIs in TXT records, where a semicolon would begin the next field. */
const readHashPrefix = (value: unknown): string | undefined =>
  typeof value === 'string' && /^https?:\/\/[\x21-\x3a\x3c-\x7e]{1,500}$/.test(value) ? value : undefined;

/** Reads profiles by name, with their descriptions (draft-ietf-acme-profiles). */
const readProfiles = (value: unknown): Readonly<Record<string, string>> =>
  Object.fromEntries(
    Object.entries(isFields(value) ? value : {})
      .filter(([name]) => name.length <= 100 && name === remoteText(name))
      .slice(0, mostProfiles)
      .map(([name, text]) => [name, readText(text, 300) ?? '']),
  );

export function readDirectory(answer: Answer): Resources {
  const fields = readObject(answer);
  const optional = (name: string) => (fields[name] === undefined ? undefined : readUrl(fields[name], name, answer));
  const required = (name: string) => {
    if (fields[name] === undefined) throw new MalformedAnswer(`${name} is missing`);
    return readUrl(fields[name], name, answer);
  };
  const meta = isFields(fields['meta']) ? fields['meta'] : {};
  const renewalInfo = optional('renewalInfo');
  const keyChange = optional('keyChange');
  return {
    newNonce: required('newNonce'),
    newAccount: required('newAccount'),
    newOrder: required('newOrder'),
    renewalInfo,
    revokeCert: optional('revokeCert'),
    keyChange,
    facts: {
      termsOfService: readText(meta['termsOfService'], 2_000),
      externalAccountRequired: meta['externalAccountRequired'] === true,
      caaIdentities: readCaaIdentities(meta['caaIdentities']),
      issuerDomainNames: readIssuerDomainNames(meta['issuerDomainNames']),
      accountHashPrefix: readHashPrefix(meta['accountHashPrefix']),
      hasRenewalInfo: renewalInfo !== undefined,
      hasKeyChange: keyChange !== undefined,
      profiles: readProfiles(meta['profiles']),
    },
  };
}

/** Errors that mean the CA's HTTPS certificate is not valid at this machine's time. */
const wrongDates: readonly unknown[] = ['CERT_NOT_YET_VALID', 'CERT_HAS_EXPIRED'];

function notReached(url: string, error: CertfleetError): CertfleetError {
  const { code } = ((error.cause as Error | undefined)?.cause ?? {}) as { readonly code?: unknown };
  const about = { url, reason: reasonOf(error.cause) };
  return fail(wrongDates.includes(code) ? 'acme/certificate-dates' : 'acme/directory-unreachable', about, {
    cause: error,
  });
}

/**
 * How long to wait before contacting an unreachable CA again. An attempt takes up to 90 s, and without this pause each
 * of a thousand orders in a pass would make one. A failed order waits at least a minute anyway.
 */
const unreachableMs = 60_000;

/** Limited, because profiles, terms of service and URLs may change while a process runs for months. */
const longestKnownMs = 86_400_000;

/**
 * Fetches the directory when it is first needed, and again after a day; concurrent callers share the request. All
 * certificates of a pass wait together if the CA named a time or could not be reached. While the CA is unreachable, an
 * earlier directory remains in use.
 *
 * `afresh` fetches the directory again, to find out whether a CA that recently did not respond is reachable.
 */
export function createDirectory(
  url: string,
  requests: Requests,
  clock: Pick<Clock, 'now' | 'monotonicMs'>,
): (signal: AbortSignal, afresh?: boolean) => Promise<Resources> {
  let known: { readonly resources: Resources; readonly untilMs: number } | undefined;
  let refused: { readonly error: CertfleetError; readonly until: Date } | undefined;
  const share = createSingleFlight<Resources>();

  const load = async (signal: AbortSignal): Promise<Resources> => {
    const ask: Ask = {
      what: 'the request for its directory',
      signal,
      maxBytes: directoryBytes,
      // A missing page means that the URL is wrong; 5xx and 429 mean that the CA is busy or limits requests.
      refusal: ({ status }) =>
        status < 500 && status !== 429 ? fail('acme/not-a-directory', { url, reason: `HTTP ${status}` }) : undefined,
    };
    try {
      const resources = readDirectory(await requests.get(url, ask));
      known = { resources, untilMs: clock.monotonicMs() + longestKnownMs };
      return resources;
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
    const before = afresh ? undefined : known;
    if (before && clock.monotonicMs() < before.untilMs) return before.resources;
    if (!before && refused && refused.until > clock.now()) throw refused.error;
    try {
      return await share('', () => load(signal), signal);
    } catch (error) {
      signal.throwIfAborted();
      if (!before) throw error;
      known = { ...before, untilMs: clock.monotonicMs() + unreachableMs };
      return before.resources;
    }
  };
}
