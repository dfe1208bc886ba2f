import { homepage, version } from '../../core/errors/version.ts';

/** The User-Agent for every CA and API. RFC 8555 §6.1 requires one, and Pebble refuses requests without it. */
export const userAgent = `certfleet/${version} (+${homepage}) node/${process.versions.node}`;
