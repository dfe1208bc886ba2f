import { type Schema, type Schemas, type Value, type Values, valuesOf } from './call-values.ts';

/** What is wrong with a parameter. */
export type Wrong = 'unknown' | 'missing' | 'type' | 'value' | 'length' | 'range';

/** Reads parameters in JSON. @param refuse makes the refusal of the parameter with this path */
export function readJsonValues(
  given: unknown,
  schemas: Schemas,
  refuse: (wrong: Wrong, name: string) => Error,
  path = '',
): Values {
  if (typeof given !== 'object' || given === null || Array.isArray(given)) throw refuse('type', path);
  const known = new Map(Object.entries(schemas).map(([key, schema]) => [key.replace('!', ''), schema]));
  const found = new Map<string, Value>();
  for (const [name, value] of Object.entries(given)) {
    const schema = known.get(name);
    if (schema === undefined) throw refuse('unknown', path + name);
    found.set(name, readOne(value, path + name, schema));
  }
  for (const key of Object.keys(schemas))
    if (key.endsWith('!') && !found.has(key.replace('!', ''))) throw refuse('missing', path + key.replace('!', ''));
  return valuesOf(found, (name) => refuse('range', path + name));

  function readOne(value: unknown, at: string, schema: Schema): Value {
    if (typeof schema === 'object' && 'list' in schema) {
      if (!Array.isArray(value)) throw refuse('type', at);
      if (value.length > schema.most) throw refuse('length', at);
      return value.map((item, index) => readOne(item, `${at}.${index}`, schema.list));
    }
    if (typeof schema === 'object' && 'fields' in schema) return readJsonValues(value, schema.fields, refuse, `${at}.`);
    const type = schema === 'integer' ? 'number' : schema === 'boolean' ? 'boolean' : 'string';
    if (typeof value !== type || (type === 'number' && !Number.isInteger(value))) throw refuse('type', at);
    if (Array.isArray(schema) && !schema.includes(value)) throw refuse('value', at);
    return value as Value;
  }
}
