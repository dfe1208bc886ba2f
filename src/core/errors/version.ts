/** This program's version; a test compares it with package.json. */
export const version = '0.1.0';

/** The home of the documentation, and the place to report bugs. */
export const homepage = 'https://github.com/certfleet/certfleet';
