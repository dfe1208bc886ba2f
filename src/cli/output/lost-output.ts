import { fail, reasonOf } from '../../core/errors/errors.ts';
import { languageTyped } from '../flags/language.ts';
import { failureText } from './failure.ts';
import { styleOf, widthOf } from './text.ts';

/** Reports that stdout could not be written, and returns the exit code. An earlier failure's code takes precedence. */
export function tellLostOutput(
  cause: Error,
  code: number,
  { stderr, env, argv }: Pick<NodeJS.Process, 'stderr' | 'env' | 'argv'>,
): number {
  const failure = fail('output/lost', { reason: reasonOf(cause) }, { cause });
  const style = styleOf({ isTerminal: stderr.isTTY, env });
  stderr.write(
    `${failureText(failure, 'certfleet', { style, width: widthOf(stderr), language: languageTyped(argv, env) })}\n`,
  );
  return code === 0 ? failure.exitCode : code;
}
