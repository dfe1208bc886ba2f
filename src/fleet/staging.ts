import { fail } from '../core/errors/errors.ts';
import { stagingName } from '../core/names/identifiers.ts';
import { mergeHooks, type RunHooks } from '../core/spec/hooks.ts';
import type { Hooks, StoredSpec } from '../core/spec/spec.ts';
import { present } from '../core/text/present.ts';

/** The test certificate beside the real one, which is never deployed. Fails with `config/no-test-directory`. */
export function forStaging(wanted: StoredSpec, hooks?: RunHooks): StoredSpec {
  const { issuer, spec } = wanted;
  const directory = issuer.testDirectory ?? (issuer.test ? issuer.directory : undefined);
  if (directory === undefined) throw fail('config/no-test-directory', { issuer: spec.issuer });
  // Messages about the test must not look as if the real CA had been asked.
  const testIssuer = issuer.testDirectory === undefined ? spec.issuer : `${spec.issuer} (staging)`;
  return {
    ...wanted,
    spec: {
      ...spec,
      name: stagingName(spec.name),
      issuer: testIssuer,
      deploy: [],
      endpoints: [],
      ...testHooks(mergeHooks(spec.hooks, hooks ?? {})),
    },
    issuer: { ...issuer, directory, test: true },
    deployers: {},
  };
}

/** As with certbot, a test runs the hooks around the order, which may free a port for it, and no deploy hook. */
function testHooks({ deploy: _own, first: { deploy: _first, ...first } = {}, ...around }: Hooks) {
  const hooks: Hooks = { ...around, ...present({ first: Object.keys(first).length > 0 ? first : undefined }) };
  return Object.keys(hooks).length === 0 ? {} : { hooks };
}
