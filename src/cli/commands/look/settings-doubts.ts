import { resolve } from 'node:path';
import type { Problem } from '../../../config/problems.ts';
import { adapterEntry, type Registry } from '../../../config/registry/registry.ts';
import { type CertfleetError, fail, reasonOf } from '../../../core/errors/errors.ts';
import { coversName } from '../../../core/names/covers-name.ts';
import { identifierKey, identifierSet } from '../../../core/names/identifier.ts';
import { liveFolder } from '../../../core/spec/in-place.ts';
import { canonical } from '../../../core/spec/same-spec.ts';
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

/** Reports domains that deployers to one product list, and that two certificates would get. */
export function listedTwice({ certificates, deployers }: Settings): readonly Problem[] {
  const first = new Map<string, string>();
  return certificates.flatMap(({ name, deploy, identifiers }, index) =>
    deploy.flatMap((target, at) => {
      const { domains, except: _except, ...product } = deployers[target]!.settings;
      const values = identifiers.map(({ value }) => value);
      const listed = Array.isArray(domains) ? domains.map((one) => String(one).toLowerCase().replace(/^\./, '*.')) : [];
      return [...new Set(listed)].flatMap((domain) => {
        const key = JSON.stringify([domain, canonical(product)]);
        const other = first.get(key);
        if (!coversName(values, domain) || other === name) return [];
        if (other === undefined) {
          first.set(key, name);
          return [];
        }
        const message = `the certificates "${other}" and "${name}" are both for ${domain}, which the deployer "${target}" lists; deliver one of them elsewhere, or leave the domain out of one list`;
        return [{ path: ['certificates', index, 'deploy', at], message }];
      });
    }),
  );
}

/** Describes, for each deployer with `domains: covered`, the first two certificates for the same name. */
function overlaps({ certificates, deployers }: Settings): readonly string[] {
  return Object.entries(deployers).flatMap(([target, { settings }]) => {
    if (settings['domains'] !== 'covered') return [];
    const owners = new Map<string, string>();
    const own = certificates
      .filter(({ deploy }) => deploy.includes(target))
      .flatMap(({ name, identifiers }) => identifiers.map(({ value }) => ({ name, value })));
    for (const { name, value } of own) if (!owners.has(value)) owners.set(value, name);
    for (const { name, value } of own) {
      const wildcard = value.startsWith('*.') ? value : `*${value.slice(value.indexOf('.'))}`;
      const other = [owners.get(value), owners.get(wildcard)].find((one) => one !== undefined && one !== name);
      if (other !== undefined)
        return [
          `the certificates "${other}" and "${name}" both cover ${value} at the deployer "${target}": the first that has a domain keeps it while it is good`,
        ];
    }
    return [];
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
export async function doubts(settings: Settings, registry: Registry): Promise<readonly string[]> {
  const { solvers, preflight } = settings;
  const found = Object.values(solvers).map(async (solver) => {
    const definition = await adapterEntry(registry, 'solver', solver.settings.type)?.load();
    return definition?.doubts?.(solver, preflight) ?? [];
  });
  return [...(await Promise.all(found)).flat(), ...overlaps(settings)];
}
