import { present } from '../core/text/present.ts';
import type { Order, OrderRequest } from '../ports/issuer.ts';
import {
  type Answer,
  MalformedAnswer,
  readList,
  readObject,
  readOneOf,
  readText,
  readUrl,
  readUrls,
} from './answer.ts';
import { readIdentifier } from './identifier.ts';
import { readProblem } from './problem.ts';

/**
 * Reads an order (RFC 8555 §7.1.3). Its URL comes from newOrder's Location, and responses to finalize and polls do not
 * repeat it.
 */
export function readOrder(answer: Answer, url: string): Order {
  const fields = readObject(answer);
  const statuses = ['pending', 'ready', 'processing', 'valid', 'invalid'] as const;
  const status = readOneOf(fields['status'], statuses, 'the status of the order');
  const certificate = fields['certificate'];
  if (status === 'valid' && certificate === undefined) throw new MalformedAnswer('a valid order has no certificate');
  return {
    url,
    status,
    identifiers: readList(fields['identifiers'], 'the order’s identifiers').map(readIdentifier),
    authorizationUrls: readUrls(fields['authorizations'], 'the order’s authorizations', answer),
    finalizeUrl: readUrl(fields['finalize'], 'the order’s finalize', answer),
    certificateUrl: certificate === undefined ? undefined : readUrl(certificate, 'the order’s certificate', answer),
    expires: readText(fields['expires']),
    error: readProblem(fields['error']),
    retryAfterMs: answer.retryAfterMs,
  };
}

/** Returns the payload of newOrder (RFC 8555 §7.4; `replaces`: RFC 9773 §5; `profile`: draft-ietf-acme-profiles §4). */
export const orderPayload = ({ identifiers, replaces, profile, notBefore, notAfter }: OrderRequest) => ({
  identifiers: identifiers.map(({ type, value }) => ({ type, value })),
  ...present({ replaces, profile, notBefore, notAfter }),
});
