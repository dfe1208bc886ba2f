import { withDeployHook } from '../../src/core/spec/hooks.ts';
import type {
  AdapterSettings,
  CertificateSpec,
  IssuerSettings,
  NamedAdapter,
  PreflightSettings,
  StoredSpec,
} from '../../src/core/spec/spec.ts';
import { declaredAs, namedAdapters, partsFrom } from '../../src/core/spec/spec-parts.ts';
import { present } from '../../src/core/text/present.ts';
import files from '../../src/deployers/files.ts';

type AllSettings = Readonly<Record<string, AdapterSettings>>;

/** A stored certificate as a configuration has it: what it names, and the settings of that. */
export interface Declared {
  readonly spec: CertificateSpec;
  readonly issuer: IssuerSettings;
  /** The usual solver. */
  readonly solver: AdapterSettings;
  /** The other ones, by name. */
  readonly solvers?: AllSettings | undefined;
  readonly deployers: AllSettings;
  readonly preflight: PreflightSettings;
}

export function declaredOf(stored: StoredSpec): Declared {
  const [usual, ...others] = stored.parts.map(({ solver }) => [solver.name, solver.settings] as const);
  return {
    spec: declaredAs(stored),
    issuer: stored.issuer.settings,
    solver: usual?.[1] ?? { type: '' },
    ...(others.length === 0 ? {} : { solvers: Object.fromEntries(others) }),
    deployers: Object.fromEntries(stored.targets.map(({ name, settings }) => [name, settings])),
    preflight: stored.preflight,
  };
}

/** A target as it is stored, with its traits. */
const targetOf = (name: string, settings: AdapterSettings): NamedAdapter => ({
  ...{ name, settings },
  ...present({ traits: settings.type === 'files' ? files.engineTraits?.(settings) : undefined }),
});

export function storedOf({ spec, issuer: settings, solver, solvers, deployers, preflight }: Declared): StoredSpec {
  const { issuer: name, solver: usual, solvers: _others, deploy, ...certificate } = spec;
  return withDeployHook({
    ...certificate,
    issuer: { name, settings },
    parts: partsFrom(spec, namedAdapters({ ...solvers, [usual]: solver })),
    targets: deploy.map((target) => targetOf(target, deployers[target] ?? { type: 'files' })),
    preflight,
  });
}
