import { fail } from '../errors/errors.ts';
import { withDeployHook } from './hooks.ts';
import type { CertificateSpec, Settings, StoredSpec } from './spec.ts';
import { partsFrom } from './spec-parts.ts';

/** Returns a declared certificate with everything it refers to, so that its lineage does not need the configuration. */
export function storedSpecOf(settings: Settings, spec: CertificateSpec): StoredSpec {
  const { issuer: name, solver: _solver, solvers: _solvers, deploy, ...certificate } = spec;
  const issuer = settings.issuers[name];
  if (!issuer) throw fail('bug/unexpected', { reason: `the settings of ${spec.name} are incomplete` });
  return withDeployHook({
    ...certificate,
    issuer: { name, settings: issuer },
    parts: partsFrom(spec, settings.solvers),
    targets: deploy.flatMap((target) => {
      const deployer = settings.deployers[target];
      return deployer ? [deployer] : [];
    }),
    preflight: settings.preflight,
  });
}
