import type { Identifier } from '../core/names/identifier.ts';
import { canonicalAddress } from '../core/names/identifiers.ts';
import { isFields } from '../core/text/json.ts';
import { MalformedAnswer } from './answer.ts';

/** Reads a CA's identifier (RFC 8555 §9.7.7, RFC 8738 §3) and makes it canonical. */
export function readIdentifier(value: unknown): Identifier {
  if (isFields(value) && typeof value['value'] === 'string') {
    const text = value['value'];
    if (value['type'] === 'dns' && /^[\w*.-]{1,255}$/.test(text)) return { type: 'dns', value: text.toLowerCase() };
    const address = value['type'] === 'ip' ? canonicalAddress(text) : undefined;
    if (address !== undefined) return { type: 'ip', value: address };
  }
  throw new MalformedAnswer('an identifier is neither a DNS name nor an IP address');
}
