import type { OptionField } from '../src/config/fields.ts';
import type { AdapterInfo } from '../src/config/registry.ts';
import { present } from '../src/core/text/present.ts';

export type { AdapterEntry, AdapterKind, Registry } from '../src/config/registry.ts';

/** The static part of a registry entry. */
export const adapterInfoOf = (
  definition: { readonly id: string; readonly title: string; readonly since: string; readonly homepage?: string },
  fields: readonly OptionField[],
): AdapterInfo => ({
  id: definition.id,
  title: definition.title,
  since: definition.since,
  ...present({ homepage: definition.homepage }),
  options: fields.map(({ name, title, secret, required }) => ({ name, title, secret, required })),
});
