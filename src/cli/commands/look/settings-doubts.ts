import { resolve } from 'node:path';
import type { Problem } from '../../../config/problems.ts';
import { adapterEntry, type Registry } from '../../../config/registry/registry.ts';
import { type CertfleetError, fail, reasonOf } from '../../../core/errors/errors.ts';
import { identifierKey, identifierSet } from '../../../core/names/identifier.ts';
import { liveFolder } from '../../../core/spec/in-place.ts';
import type { Settings } from '../../../core/spec/spec.ts';
import { shortList } from '../../../core/text/short-list.ts';
import type { Files } from '../../../ports/files.ts';

// Problems that `config check` reports in settings that a run would accept.

/**
 * Reports certificates that differ only in their names: each would cost an order, and count towards the CA's limits.
 */
export function twins({ certificates }: Settings): readonly Problem[] {
  const first = new Map<string, string>();
  return certificates.flatMap(({ name, identifiers, issuer, profile, keyType }, index) => {
    const key = JSON.stringify([identifierSet(identifiers), issuer, profile, keyType]);
    const other = first.get(key);
    if (other === undefined) first.set(key, name);
    if (other === undefined) return [];
    const message = `the certificates "${other}" and "${name}" are the same: both are for ${shortList(identifiers.map(identifierKey))}; declare one, with the targets of both`;
    return [{ path: ['certificates', index], message }];
  });
}

/** Reports targets of one certificate that write the same files. */
export function sameFiles({ certificates, deployers }: Settings): readonly Problem[] {
  return certificates.flatMap(({ name, deploy }, index) => {
    const first = new Map<string, string>();
    return deploy.flatMap((target, at) => {
      const deployer = deployers[target];
      const written = liveFolder(deployer, name);
      if (written === undefined) return [];
      const folder = resolve(written);
      const other = first.get(folder);
      if (other === undefined) first.set(folder, target);
      if (other === undefined) return [];
      const root = resolve(String(deployer?.settings['path']));
      const message = `the certificate "${name}" is delivered twice to ${root}, by the deployers "${other}" and "${target}"; leave one of them out`;
      return [{ path: ['certificates', index, 'deploy', at], message }];
    });
  });
}

/** Reports files of root certificates that no connection to the CA could use. */
export async function caFileProblems({ issuers }: Settings, files: Pick<Files, 'read'>): Promise<readonly Problem[]> {
  const found: Problem[] = [];
  for (const [name, { caFile: file }] of Object.entries(issuers)) {
    if (file === undefined) continue;
    const reason = await whyUnusable(file, files);
    if (reason === undefined) continue;
    const error: CertfleetError = fail('config/ca-file-unusable', { file, reason });
    found.push({ path: ['issuers', name, 'caFile'], message: `${error.message}. ${error.hint}`, error });
  }
  return found;
}

async function whyUnusable(file: string, files: Pick<Files, 'read'>): Promise<string | undefined> {
  try {
    const bytes = await files.read(file, { named: true });
    if (bytes === undefined) return 'no such file';
    const isPem = new TextDecoder().decode(bytes).includes('-----BEGIN CERTIFICATE-----');
    return isPem ? undefined : 'it contains no PEM certificate';
  } catch (error) {
    return reasonOf(error);
  }
}

/** Describes settings that have no effect, or not the effect that their author expects. */
export async function doubts({ solvers, preflight }: Settings, registry: Registry): Promise<readonly string[]> {
  const found = Object.values(solvers).map(async (solver) => {
    const definition = await adapterEntry(registry, 'solver', solver.settings.type)?.load();
    return definition?.doubts?.(solver, preflight) ?? [];
  });
  return (await Promise.all(found)).flat();
}
