import { homepage, version } from '../core/version.ts';

/** What every CA and API sees of this program (RFC 8555 §6.1 asks for it; Pebble refuses without). */
export const userAgent = `certfleet/${version} (+${homepage}) node/${process.versions.node}`;
