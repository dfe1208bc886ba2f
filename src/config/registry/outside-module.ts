import { z } from 'zod';
import { fail } from '../../core/errors/errors.ts';
import type { DnsProviderDefinition } from '../../define.ts';
import type { DnsProvider } from '../../ports/dns-provider.ts';

const definition = z.object(
  {
    id: z
      .string({ error: '`id` must be text' })
      .regex(/^[a-z0-9][a-z0-9-]*$/, { error: '`id` must be of a-z, 0-9 and hyphens, like `example-dns`' }),
    title: z.string({ error: '`title` must be text' }).min(1, { error: '`title` must be text' }),
    options: z.instanceof(z.ZodObject, {
      error: '`options` must be `z.strictObject({ … })`, with `z` of certfleet/define',
    }),
    traits: z.looseObject(
      {
        writes: z.enum(['value', 'name', 'zone'], { error: '`traits.writes` must be "value", "name" or "zone"' }),
        minTtl: z.int({ error: '`traits.minTtl` must be a number of seconds' }).min(0),
        maxConcurrent: z.int({ error: '`traits.maxConcurrent` must be a number, at least 1' }).min(1),
      },
      { error: '`traits` must have `writes`, `minTtl` and `maxConcurrent`' },
    ),
    connect: z.custom((value) => typeof value === 'function', { error: '`connect` must be a function' }),
  },
  { error: 'its default export must be what `defineDnsProvider` of certfleet/define returns' },
);

/** Returns a module's default export, checked. Fails with a `config/invalid` that lists all problems. */
export function definitionIn(module: Readonly<Record<string, unknown>>, path: string): DnsProviderDefinition {
  const found = module['default'];
  const checked = definition.safeParse(found);
  if (!checked.success) {
    const problem = checked.error.issues.map(({ message }) => message).join('; ');
    throw fail('config/invalid', { file: path, problem });
  }
  const given = found as DnsProviderDefinition;
  return {
    ...given,
    connect(context) {
      const provider: unknown = given.connect(context);
      if (isProvider(provider)) return provider;
      throw fail('config/invalid', {
        file: path,
        problem: '`connect` must return `kind: "values"` with `append` and `remove`, or `kind: "sets"` with `write`',
      });
    },
  };
}

function isProvider(value: unknown): value is DnsProvider {
  const { kind, ...methods } = (value ?? {}) as Record<string, unknown>;
  const has = (...names: readonly string[]) => names.every((name) => typeof methods[name] === 'function');
  return kind === 'values' ? has('append', 'remove') : kind === 'sets' && has('write');
}
