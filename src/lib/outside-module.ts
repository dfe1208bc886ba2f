import fs from 'node:fs';
import * as modules from 'node:module';
import { pathToFileURL } from 'node:url';
import { fail, reasonOf } from '../core/errors/errors.ts';
import { untrustedCode } from '../core/trust/untrusted-code.ts';
import { untrustedOn } from './trust/untrusted.ts';

/**
 * Imports an operator's module. Wherever it is, its `certfleet/define` and the like are this program's own, so that a
 * `Secret` or an error is the same class on both sides. Fails with `config/untrusted-code` if another user could change
 * the module, and with `config/invalid` if it cannot be loaded.
 */
export async function importOutside(path: string): Promise<Readonly<Record<string, unknown>>> {
  const invalid = (problem: string, cause?: unknown) => fail('config/invalid', { file: path, problem }, { cause });
  const untrusted = untrustedOn(path);
  if (untrusted) throw untrustedCode(path, untrusted);
  if (!fs.statSync(path, { throwIfNoEntry: false })?.isFile()) throw invalid('there is no such file');
  resolveOwn();
  try {
    return await import(pathToFileURL(path).href);
  } catch (cause) {
    throw invalid(`it cannot be loaded: ${reasonOf(cause)}`, cause);
  }
}

/** Where the parts of this program are, as `exports` in package.json names them. */
const here = import.meta.url;
const own = (built: string, source: string) => new URL(here.endsWith('.ts') ? source : built, here).href;
const parts: Readonly<Record<string, string>> = {
  certfleet: own('../index.js', '../index.ts'),
  'certfleet/api': own('../api.js', '../clients/index.ts'),
  'certfleet/define': own('../define.js', '../define.ts'),
  'certfleet/testing': own('../testing.js', '../testing/index.ts'),
};

type Resolve = (specifier: string, context: unknown, next: (specifier: string, context: unknown) => unknown) => unknown;

let isResolved = false;
function resolveOwn(): void {
  if (isResolved) return;
  isResolved = true;
  const { registerHooks } = modules as { registerHooks?: (hooks: { readonly resolve: Resolve }) => void };
  // Available since Node 22.15. Before, hooks must be a separate module, on a separate thread.
  if (registerHooks)
    registerHooks({
      resolve: (specifier, context, next) => {
        const url = Object.hasOwn(parts, specifier) ? parts[specifier] : undefined;
        return url === undefined ? next(specifier, context) : { url, format: 'module', shortCircuit: true };
      },
    });
  else {
    const hook = `const parts = ${JSON.stringify(parts)};
export const resolve = async (specifier, context, next) => Object.hasOwn(parts, specifier)
  ? { url: parts[specifier], format: 'module', shortCircuit: true } : next(specifier, context);`;
    modules.register(`data:text/javascript,${encodeURIComponent(hook)}`);
  }
}
