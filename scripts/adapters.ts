import type { OptionField } from '../src/config/registry/option-fields.ts';
import type { AdapterInfo } from '../src/config/registry/registry.ts';
import { present } from '../src/core/text/present.ts';
import type { DeployerFacts, SolverFacts } from '../src/define.ts';

export type { AdapterEntry, AdapterKind, Registry } from '../src/config/registry/registry.ts';

/** The static part of a registry entry. */
export const adapterInfoOf = (
  definition: Pick<AdapterInfo, 'id' | 'title' | 'since' | 'homepage'> & Partial<SolverFacts & DeployerFacts>,
  fields: readonly OptionField[],
): AdapterInfo & Partial<SolverFacts & DeployerFacts> => ({
  id: definition.id,
  title: definition.title,
  since: definition.since,
  ...present({
    homepage: definition.homepage,
    answers: definition.answers,
    through: definition.through,
    byFolder: definition.byFolder,
    runsCommand: definition.runsCommand,
    webServer: definition.webServer,
  }),
  options: fields.map(({ name, title, secret, required }) => ({ name, title, secret, required })),
});
