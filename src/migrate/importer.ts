import type { Environment } from '../config/options.ts';
import type { Registry } from '../config/registry.ts';
import type { Found } from '../core/lineage/found.ts';
import type { Settings } from '../core/spec/spec.ts';
import type { Files } from '../ports/files.ts';

/** Reads what another ACME client has. Writes nothing. */
export interface Importer {
  /** As typed: `certfleet import certbot`. */
  readonly id: string;
  readonly title: string;
  /** Where the client keeps its files, if the user names no path; `~` is the home folder. */
  readonly path: string;
  /** It can go on in the client's own folder (`--in-place`). */
  readonly inPlace?: true;
  /** Fails with `import/absent` and `import/untrusted`. What is wrong with one certificate is in what it finds. */
  read(path: string, context: ImportContext): Promise<Found>;
}

export interface ImportContext {
  readonly files: Files;
  readonly env: Environment;
  readonly registry: Registry;
  /** Declared issuers serve certificates from their directory; the preflight is that of all certificates. */
  readonly settings: Settings;
  /** Versions are to be delivered into the client's own folder. */
  readonly inPlace: boolean;
}
