import { invalid, missing } from '../alibaba-clb/api-error.ts';
import { type Schema, type Schemas, type Value, type Values, valuesOf } from '../call-values.ts';

/** What every action of an RPC API takes. */
const common = ['Action', 'Version', 'Format', 'RegionId', 'OwnerId', 'SecurityToken'];

/**
 * Reads flat parameters such as `Tags.1.Key`. The real gateway ignores what an action does not know; the fake refuses
 * it, since it is a mistake of the client.
 */
export function readValues(flat: ReadonlyMap<string, string>, schemas: Schemas): Values {
  const used = new Set(common);
  const values = readFields(flat, '', schemas, used);
  const unknown = [...flat.keys()].find((name) => !used.has(name));
  if (unknown !== undefined) throw invalid(`The fake: the action has no parameter ${unknown}.`);
  return values;
}

function readFields(flat: ReadonlyMap<string, string>, prefix: string, schemas: Schemas, used: Set<string>): Values {
  const found = new Map<string, Value>();
  for (const [key, schema] of Object.entries(schemas)) {
    const name = key.replace('!', '');
    const value = readOne(flat, prefix + name, schema, used);
    if (value !== undefined) found.set(name, value);
    else if (key.endsWith('!')) throw missing(prefix + name);
  }
  return valuesOf(found, (name) => invalid(`The specified parameter ${prefix}${name} is not valid.`));
}

function readOne(
  flat: ReadonlyMap<string, string>,
  name: string,
  schema: Schema,
  used: Set<string>,
): Value | undefined {
  const wrong = () => invalid(`The specified parameter ${name} is not valid.`);
  if (typeof schema === 'object' && 'list' in schema) {
    const found: Value[] = [];
    for (;;) {
      const item = readOne(flat, `${name}.${found.length + 1}`, schema.list, used);
      if (item === undefined) break;
      found.push(item);
    }
    if (found.length > schema.most) throw wrong();
    return found.length === 0 ? undefined : found;
  }
  if (typeof schema === 'object' && 'fields' in schema) {
    const isThere = [...flat.keys()].some((key) => key.startsWith(`${name}.`));
    return isThere ? readFields(flat, `${name}.`, schema.fields, used) : undefined;
  }
  used.add(name);
  const text = flat.get(name);
  if (text === undefined || text === '') return undefined;
  if (schema === 'text') return text;
  if (schema === 'integer') {
    if (!/^-?\d{1,15}$/.test(text)) throw wrong();
    return Number(text);
  }
  if (schema === 'boolean') {
    if (!/^(true|false)$/i.test(text)) throw wrong();
    return text.toLowerCase() === 'true';
  }
  if (!schema.includes(text)) throw wrong();
  return text;
}
