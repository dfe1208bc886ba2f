/** Reports whether one of a certificate's names covers `name`, as TLS clients compare: a wildcard stands for one label. */
export const coversName = (covers: readonly string[], name: string): boolean =>
  covers.some((one) => one === name || (one.startsWith('*.') && name.slice(name.indexOf('.')) === one.slice(1)));
