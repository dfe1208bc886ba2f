import { DEFAULT_SCALAR_STYLE_RULES, dump, SCALAR_STYLE, type ScalarStyleRule } from 'js-yaml';
import { fail } from '../../core/errors/errors.ts';
import { unseen } from '../../core/errors/remote-text.ts';
import { deployHookTarget } from '../../core/spec/hooks.ts';
import type { AdapterSettings, NamedAdapter, StoredSpec } from '../../core/spec/spec.ts';
import { declaredAs } from '../../core/spec/spec-parts.ts';
import { literalsOf } from '../adapters/literal-secrets.ts';
import { entryOf } from '../certificates/certificate-entry.ts';
import type { Registry } from '../registry/registry.ts';

const head = (
  name: string,
): string => `# The settings of ${name}, as in certfleet.yaml. Save and close to store them; an empty file,
# or one without a change, changes nothing. A new certificate is ordered only if the change needs one.
# Options: certfleet config schema, or docs/reference/configuration.md. A secret is file:/path or env:NAME.
`;

/** Returns the stored settings of a certificate as the text of a configuration with only this certificate. */
export async function editableText(stored: StoredSpec, registry: Registry): Promise<string> {
  const { name, issuer } = stored;
  if ((await literalsOf(stored, registry)).length > 0)
    throw fail('usage/not-applicable', {
      typed: 'an editor',
      reason: `the settings of ${name} contain a secret, which must not be written to an editor’s file`,
      advice: `Change them with flags: certfleet issue ${name} …`,
    });
  const parts = {
    certificates: [entryOf(declaredAs(stored))],
    issuers: { [issuer.name]: issuer.settings },
    ...adaptersOf(stored),
    preflight: stored.preflight,
  };
  const sections = Object.entries(parts).filter(([, value]) => Object.keys(value).length > 0);
  return `${head(name)}${sections.map(([key, value]) => yamlOf({ [key]: value })).join('')}`;
}

/** Formats value as YAML, and escapes characters that a terminal does not show or that reorder the text. */
export const yamlOf = (value: object): string =>
  dump(value, {
    noRefs: true,
    skipInvalid: true, // undefined
    scalarStyleRules: [quoteUnseen, ...Object.values(DEFAULT_SCALAR_STYLE_RULES)],
  }).replace(unseen, (sign) => {
    const code = sign.codePointAt(0) ?? 0;
    return code > 0xffff ? `\\U${hex(code, 8)}` : `\\u${hex(code, 4)}`;
  });

/** Puts such texts in double quotes, the only style with escapes. */
const quoteUnseen: ScalarStyleRule = (layout) => {
  if (layout.node.value.search(unseen) >= 0) layout.style = SCALAR_STYLE.DOUBLE_QUOTED;
};

const hex = (code: number, digits: number): string => code.toString(16).toUpperCase().padStart(digits, '0');

/** Returns solvers, deployers and load balancers by name, with references in place of the settings stored inside. */
function adaptersOf({ parts, targets }: StoredSpec): Readonly<Record<string, object>> {
  const balancers: Record<string, AdapterSettings> = {};
  const named = new Map<string, AdapterSettings>();
  const plain = ({ settings, uses = [] }: NamedAdapter): AdapterSettings => {
    for (const one of uses)
      if (one.kind === 'balancer') balancers[one.name] ??= one.settings;
      else if (!named.has(one.name)) named.set(one.name, plain(one));
    return settings;
  };
  for (const { solver } of parts) named.set(solver.name, plain(solver));
  const deployers = targets.filter(({ name }) => name !== deployHookTarget);
  return {
    solvers: Object.fromEntries(named),
    deployers: Object.fromEntries(deployers.map((one) => [one.name, plain(one)])),
    balancers,
  };
}
