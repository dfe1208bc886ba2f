import type { Context } from 'hono';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import type { CertfleetError } from '../core/errors/errors.ts';

/** Status codes of errors that are not faults of the process. Others of their area have the one of the area. */
const statuses: Readonly<Record<string, ContentfulStatusCode>> = {
  'lineage/not-found': 404,
  'lineage/not-issued': 409,
  'lineage/no-certificate': 409,
  'lineage/no-way-back': 409,
  'lineage/at-work': 409,
  'lineage/changed': 412,
  usage: 400,
  'usage/no-path': 404,
  'usage/no-length': 411,
  'usage/too-long': 413,
  access: 422,
  'access/login': 401,
  'access/role': 403,
  'access/some-certificates': 403,
  'access/foreign': 403,
  'access/other-login': 403,
  'access/no-user': 404,
  'access/no-token': 404,
  'access/user-exists': 409,
  'access/token-exists': 409,
  'access/last-admin': 409,
  config: 422,
  lineage: 422,
  store: 503,
};

export const statusOf = ({ code }: CertfleetError): ContentfulStatusCode =>
  statuses[code] ?? statuses[code.slice(0, code.indexOf('/'))] ?? 500;

/** An error as RFC 9457 words it, with our code, its parameters and what to do. */
export interface ProblemDocument {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly code?: string | undefined;
  readonly params?: Readonly<Record<string, string>> | undefined;
  readonly hint?: string | undefined;
  /** What is wrong with each field. */
  readonly fields?: Readonly<Record<string, string>> | undefined;
}

export function problem(c: Context, document: Omit<ProblemDocument, 'type'>): Response {
  const type = document.code === undefined ? 'about:blank' : `urn:certfleet:error:${document.code}`;
  return c.body(JSON.stringify({ type, ...document }), document.status as ContentfulStatusCode, {
    'content-type': 'application/problem+json',
  });
}
