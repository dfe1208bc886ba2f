/** This program's version; a test compares it with package.json. */
export const version = '0.1.0';

/** Where it lives: its documents, and where to report a bug. */
export const homepage = 'https://github.com/certfleet/certfleet';
