import { fail } from '../errors/errors.ts';
import { withDeployHook } from './hooks.ts';
import type { CertificateSpec, Settings, StoredSpec } from './spec.ts';
import { solverSettings } from './spec-parts.ts';

/** A declared certificate with everything it refers to, so that its lineage does not need the configuration. */
export function storedSpecOf(settings: Settings, spec: CertificateSpec): StoredSpec {
  const issuer = settings.issuers[spec.issuer];
  if (!issuer) throw fail('bug/unexpected', { reason: `the settings of ${spec.name} are incomplete` });
  const deployers = Object.fromEntries(
    spec.deploy.flatMap((name) => {
      const deployer = settings.deployers[name];
      return deployer ? [[name, deployer]] : [];
    }),
  );
  const { preflight } = settings;
  return withDeployHook({ spec, issuer, ...solverSettings(spec, settings.solvers), deployers, preflight });
}
