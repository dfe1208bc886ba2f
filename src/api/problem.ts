import type { Context } from 'hono';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import type { Env } from '../access/who.ts';
import type { CertfleetError } from '../core/errors/errors.ts';
import { inLanguage, type Language, say } from '../core/errors/wording.ts';
import { present } from '../core/text/present.ts';

/** Status codes of errors that are not faults of the process. Others of their area have the one of the area. */
const statuses: Readonly<Record<string, ContentfulStatusCode>> = {
  'lineage/not-found': 404,
  'lineage/not-issued': 409,
  'lineage/no-certificate': 409,
  'lineage/no-way-back': 409,
  'lineage/at-work': 409,
  'lineage/changed': 412,
  lineage: 422,
  'access/login': 401,
  'access/role': 403,
  'access/some-certificates': 403,
  'access/fixed-targets': 403,
  'access/no-key-download': 403,
  'access/password-needed': 403,
  'access/wrong-password': 403,
  'access/slow': 429,
  'access/foreign': 403,
  'access/other-login': 403,
  'access/no-user': 404,
  'access/no-token': 404,
  'access/user-exists': 409,
  'access/token-exists': 409,
  'access/last-admin': 409,
  access: 422,
  'usage/no-path': 404,
  'usage/no-length': 411,
  'usage/too-long': 413,
  usage: 400,
  config: 422,
  'config/declared-in-file': 409,
  'config/declaration-changed': 412,
  'config/not-declared': 404,
  'config/connection-in-use': 409,
  store: 503,
  bug: 500,
};

/** A command that failed outside is no fault of this server, so other areas are 502. */
export const statusOf = ({ code }: Pick<CertfleetError, 'code'>): ContentfulStatusCode =>
  statuses[code] ?? statuses[code.slice(0, code.indexOf('/'))] ?? 502;

/** An error as RFC 9457 words it, with our code, its parameters and what to do. */
export interface ProblemDocument {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly code: string;
  readonly params?: Readonly<Record<string, string>> | undefined;
  readonly hint?: string | undefined;
  /** What is wrong with each field. */
  readonly fields?: Readonly<Record<string, string>> | undefined;
}

const wordedIn = (language: Language, fields: Readonly<Record<string, string>>) =>
  Object.fromEntries(Object.entries(fields).map(([field, message]) => [field, inLanguage(message, language)]));

/** Answers with an error in the reader’s language. */
export function problemOf(
  c: Context<Env>,
  failure: CertfleetError,
  more: Pick<ProblemDocument, 'fields'> = {},
): Response {
  const { code, params } = failure;
  const status = statusOf(failure);
  const { message, hint } = say(failure, c.get('language') ?? 'en');
  const document: ProblemDocument = {
    ...{ type: `urn:certfleet:error:${code}`, title: message, status, code },
    ...present({ params, hint: hint || undefined }),
    ...present({ fields: more.fields && wordedIn(c.get('language') ?? 'en', more.fields) }),
  };
  return c.body(JSON.stringify(document), status, { 'content-type': 'application/problem+json' });
}
