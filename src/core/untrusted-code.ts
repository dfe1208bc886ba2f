import { type CertfleetError, fail } from './errors.ts';
import { shellWord } from './shell-word.ts';

/** A file or folder that other users can change; see the port `Files`. */
interface Foreign {
  readonly path: string;
  readonly reason: string;
  readonly command: string;
  readonly change: string;
  readonly needsRoot: boolean;
}

/** Code that certfleet would run is refused, because another user could change it. */
export function untrustedCode(path: string, foreign: Foreign): CertfleetError {
  const command = `${foreign.needsRoot ? 'sudo ' : ''}${foreign.command} ${foreign.change} ${shellWord(foreign.path)}`;
  return fail('config/untrusted-code', { path, reason: foreign.reason, command });
}
