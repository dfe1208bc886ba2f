import { version } from '../core/version.ts';

/** What every CA and API sees of this program (RFC 8555 §6.1 asks for it; Pebble refuses without). */
export const userAgent = `certfleet/${version} (+https://github.com/certfleet/certfleet) node/${process.versions.node}`;
