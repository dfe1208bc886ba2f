import { fail } from '../core/errors/errors.ts';
import { stagingName } from '../core/names/identifiers.ts';
import { mergeHooks, type RunHooks } from '../core/spec/hooks.ts';
import type { Hooks, StoredSpec } from '../core/spec/spec.ts';
import { present } from '../core/text/present.ts';

/** Returns the test certificate beside the real one, which is never deployed. Fails with `config/no-test-directory`. */
export function forStaging(wanted: StoredSpec, hooks?: RunHooks): StoredSpec {
  const { name: issuer, settings } = wanted.issuer;
  const directory = settings.testDirectory ?? (settings.test ? settings.directory : undefined);
  if (directory === undefined) throw fail('config/no-test-directory', { issuer });
  // Messages about the test must not look as if the real CA had been asked.
  const testIssuer = settings.testDirectory === undefined ? issuer : `${issuer} (staging)`;
  // The configured limits are those of the real CA.
  const { limits, ...rest } = settings;
  const itsLimits = present({ limits: settings.testDirectory === undefined ? limits : undefined });
  return {
    ...wanted,
    name: stagingName(wanted.name),
    issuer: { name: testIssuer, settings: { ...rest, ...itsLimits, directory, test: true } },
    ...{ targets: [], endpoints: [] },
    ...testHooks(mergeHooks(wanted.hooks, hooks ?? {})),
  };
}

/**
 * Returns the hooks of a test. As with certbot, a test runs the hooks around the order, which may free a port for it,
 * but no deploy hook.
 */
function testHooks({ deploy: _own, first: { deploy: _first, ...first } = {}, ...around }: Hooks) {
  const hooks: Hooks = { ...around, ...present({ first: Object.keys(first).length > 0 ? first : undefined }) };
  return Object.keys(hooks).length === 0 ? {} : { hooks };
}
