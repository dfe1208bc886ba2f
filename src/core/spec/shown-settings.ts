/** The configuration as people may see it: without its secrets. */

export interface ShownOption {
  readonly name: string;
  /** Undefined if it is hidden. */
  readonly value: string | undefined;
}

/** The options of one adapter, CA or group of the configuration. */
export interface ShownPart {
  /** As in the file: `store`, `solvers.dns`. */
  readonly path: string;
  readonly options: readonly ShownOption[];
}

export interface ShownSettings {
  readonly parts: readonly ShownPart[];
  /** How many certificates it declares. */
  readonly certificates: number;
}
