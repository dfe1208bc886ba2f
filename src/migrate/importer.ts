import type { Environment } from '../config/options/secret-references.ts';
import type { Registry } from '../config/registry/registry.ts';
import type { Found } from '../core/lineage/found.ts';
import type { Settings } from '../core/spec/spec.ts';
import type { Files } from '../ports/files.ts';

/** Reads the data of another ACME client. Writes nothing. */
export interface Importer {
  /** The name as typed: `certfleet import certbot`. */
  readonly id: string;
  readonly title: string;
  /** Where the client keeps its files, if the user names no path. `~` is the home folder. */
  readonly path: string;
  /** Whether certfleet can continue in the client's own folder (`--in-place`). */
  readonly inPlace?: true;
  /**
   * Reads a folder. Fails with `import/absent` and `import/untrusted`. The result describes problems with single
   * certificates.
   */
  read(path: string, context: ImportContext): Promise<Found>;
}

export interface ImportContext {
  readonly files: Files;
  readonly env: Environment;
  readonly registry: Registry;
  /**
   * Declared issuers replace the client's for certificates with the same directory; the preflight applies to all
   * certificates.
   */
  readonly settings: Settings;
  /** Whether to deliver versions into the client's own folder. */
  readonly inPlace: boolean;
}
