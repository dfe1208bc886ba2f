import { programsNamed } from '../../core/trust/programs.ts';

/** Folders of the system's programs, which know nothing of certificates. */
const systemFolder = /^\/(usr\/)?s?bin\/[^/]+$/;

/**
 * Reports whether a command may do something different for each certificate: it mentions certbot's variables, or names a
 * program that a person wrote, such as a hook made for certbot, which may read them. `systemctl reload nginx` does not.
 */
export const needsEach = (command: string | readonly string[]): boolean =>
  [command].flat().some((text) => text.includes('RENEWED_')) ||
  programsNamed(command).some(({ path, as }) => as !== 'argument' && !systemFolder.test(path));
