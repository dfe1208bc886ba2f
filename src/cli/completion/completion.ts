import { fail } from '../../core/errors/errors.ts';
import { didYouMean } from '../../core/text/nearest.ts';
import type { WholeCommandLine } from '../commands/machine.ts';
import type { Run } from '../context.ts';
import { registryOf } from '../registry.ts';

/**
 * `certfleet completion SHELL`: prints the script. With `names`, which the scripts call, prints the certificates’
 * names.
 */
export const completionOf =
  (whole: WholeCommandLine): Run =>
  async (session) => {
    const [shell = ''] = session.invocation.args;
    if (shell === 'names') {
      const fleet = await session.fleet({ makeStore: false });
      for (const { name } of await fleet.status([], session.signal)) {
        session.printJson({ object: 'certificate', name });
        session.printWhole(name);
      }
      return 0;
    }
    const { completed, shells } = await import('./words.ts');
    const known = shells.find((one) => one === shell);
    if (known === undefined)
      throw fail('usage/unknown-value', {
        typed: `completion ${shell}`,
        known: `one of ${shells.join(', ')}`,
        nearest: didYouMean(shell, shells),
      });
    const { scripts } = await import('./scripts.ts');
    const registry = await registryOf(session);
    const text = scripts[known](await completed(whole, registry));
    session.printJson({ object: 'completion', shell: known, text });
    session.printWhole(text.trimEnd());
    return 0;
  };
