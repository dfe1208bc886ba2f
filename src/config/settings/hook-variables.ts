import type { AdapterSettings } from '../../core/spec/spec.ts';
import { isForEveryHook } from '../../core/trust/hook-variables.ts';
import { secretVariables, type WithOptions } from '../options/options.ts';
import type { Building, Path } from './building.ts';

/** Notes the variables that an adapter passes to its hooks, and those that hold its secrets. */
export function collectVariables(
  definition: WithOptions,
  settings: AdapterSettings,
  path: Path,
  building: Building,
): void {
  for (const { option, variable } of secretVariables(definition, settings, building.env))
    building.secretVariables.push({ path: [...path, option], name: variable });
  const passed = settings['passEnvironment'];
  if (!Array.isArray(passed)) return;
  for (const [index, name] of passed.entries())
    building.hookVariables.push({ path: [...path, 'passEnvironment', index], name: String(name) });
}

/** Refuses to pass a variable to a hook if `env:NAME` names it as a secret. */
export function checkHookVariables({ hookVariables, secretVariables, places, problems }: Building): void {
  for (const { path, name } of hookVariables) {
    const secret = secretVariables.find((one) => one.name === name);
    if (secret === undefined) continue;
    const message = `${places.at(path)}: ${name} is the secret of ${places.at(secret.path)}, which no hook may get; give the hook a variable or file of its own`;
    problems.push({ path, message });
  }
  for (const { path, name } of secretVariables) {
    if (!isForEveryHook(name)) continue;
    const message = `${places.at(path)}: every hook gets the variable ${name}; put the secret into one with another name`;
    problems.push({ path, message });
  }
}
