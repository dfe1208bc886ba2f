import type { CertificateRow } from './rows.ts';

/** What of a certificate tells whether it covers a name. */
interface Covering extends Pick<CertificateRow, 'name' | 'state'> {
  /** Joined by spaces; empty if that is its name. */
  readonly identifiers: string;
  /** 0 if there is none. */
  readonly notAfter: number;
}

/** A person wants to know whether there is one. */
const mostCovering = 5;

/**
 * Returns the certificates that cover names as TLS clients compare, at most five for each name, those that are valid
 * longest first. It leaves out the one named `except`, and those that are not renewed.
 */
export function coveringOf<T extends Covering>(
  all: Iterable<T>,
  names: readonly string[],
  except: string,
): ReadonlyMap<string, readonly T[]> {
  // By the names that would cover it, so that each certificate is looked at once.
  const wanted = new Map<string, Set<string>>();
  for (const name of names)
    for (const one of [name, name.startsWith('*.') ? name : `*${name.slice(name.indexOf('.'))}`])
      wanted.set(one, (wanted.get(one) ?? new Set()).add(name));
  const found = new Map<string, Set<T>>();
  for (const one of all) {
    if (one.name === except || one.state === 'undeclared' || one.state === 'test') continue;
    for (const own of one.identifiers === '' ? [one.name] : one.identifiers.split(' '))
      for (const name of wanted.get(own) ?? []) found.set(name, (found.get(name) ?? new Set()).add(one));
  }
  return new Map(
    [...found].map(([name, ones]) => [name, [...ones].sort((a, b) => b.notAfter - a.notAfter).slice(0, mostCovering)]),
  );
}
