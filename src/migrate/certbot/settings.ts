import type { FoundCertificate, FoundSettings, Remark } from '../../core/lineage/found.ts';
import { importedName } from '../../core/names/identifiers.ts';
import type { Hooks } from '../../core/spec/spec.ts';
import { present } from '../../core/text/present.ts';
import type { ImportContext } from '../importer.ts';
import { issuerFor } from '../issuer.ts';
import { type Section, textIn } from './config-obj.ts';
import { certbotOptions, optionOfKey } from './flag-table.ts';
import { hooksOf } from './hooks.ts';
import { keyTypeOfPart } from './key-type.ts';
import { isKeyOfPlugin } from './plugin-flags.ts';
import { solversOf } from './solvers.ts';

/** The server that certbot uses if a renewal file names none. It replaced certbot's first one. */
const usualServer = 'https://acme-v02.api.letsencrypt.org/directory';

const reloads: Readonly<Record<string, string>> = { nginx: 'nginx -s reload', apache: 'apache2ctl graceful' };

export type Settled = Pick<
  FoundCertificate,
  'settings' | 'remarks' | 'renewBeforeMs' | 'renewsByLifetime' | 'nextKeyType'
>;

/**
 * Returns the settings of a renewal file, with a remark for each one that is not the default. Throws a plain Error if
 * the certificate must be left to certbot.
 */
export async function settingsOf(
  conf: Section,
  params: Section,
  {
    name,
    accounts,
    folders,
    context,
  }: {
    readonly name: string;
    /** `<directory> <id>` of the accounts that could be read. */
    readonly accounts: ReadonlySet<string>;
    readonly folders: Parameters<typeof hooksOf>[1];
    readonly context: ImportContext;
  },
): Promise<Settled> {
  const remarks: Remark[] = [];
  const server = (textIn(params, 'server') ?? usualServer).replace(
    '//acme-v01.api.letsencrypt.org',
    '//acme-v02.api.letsencrypt.org',
  );
  const id = textIn(params, 'account');
  const hasAccount = id !== undefined && accounts.has(`${server} ${id}`);
  const issuer = issuerFor(server, hasAccount ? id : undefined, context.settings);
  if (!issuer) throw new Error(`its server ${server}${placeOf(params, 'server')} is not an https:// URL`);
  if (!hasAccount)
    remarks.push({
      kind: 'dropped',
      text: `the account${id === undefined ? ', because none is named' : ` ${id}, which is not there for this CA`}: the next renewal opens a new one`,
    });
  const solvers = await solversOf(params, importedName(name), context);
  const { hooks, remarks: ofHooks } = hooksOf(params, folders);
  remarks.push(...solvers.remarks, ...ofHooks);
  const installer = textIn(params, 'installer') ?? '';
  const reload = reloads[installer];
  if (reload !== undefined)
    remarks.push({
      kind: 'changed',
      text: `the installer ${installer}: its configuration stays as it is, and \`${reload}\` runs after a renewal`,
    });
  else if (installer !== '') remarks.push({ kind: 'dropped', text: `the installer ${installer}` });
  const wishes = wishesOf(params, remarks);
  for (const key of params.values.keys())
    if (!optionOfKey(key) && !isKeyOfPlugin(key))
      remarks.push({ kind: 'dropped', text: `${key}: certfleet has no such setting` });
  const { solver, solverOf, solvers: all } = solvers;
  const allHooks = reload === undefined ? hooks : withReload(hooks, reload);
  const before = renewBefore(conf, remarks);
  return {
    settings: {
      issuer,
      solver,
      solverOf,
      solvers: all,
      deployers: {},
      wishes: { ...wishes, ...present({ hooks: Object.keys(allHooks).length === 0 ? undefined : allHooks }) },
      preflight: context.settings.preflight,
    },
    remarks,
    // Applies since version 4.
    renewsByLifetime: true,
    ...present({ renewBeforeMs: before }),
    ...nextKeyTypeOf(params, remarks),
  };
}

/** Returns the place of a key's value in parentheses, to follow the value in a message. */
const placeOf = ({ places }: Section, key: string): string => {
  const place = places.get(key);
  return place === undefined ? '' : ` (${place})`;
};

/** Adds the server's reload to the hooks. certbot's installer reloads the server whatever the hook is. */
function withReload(hooks: Hooks, reload: string): Hooks {
  const lines = [hooks.first?.deploy, `${reload} || s=$?`].filter((line) => line !== undefined);
  return { ...hooks, first: { ...hooks.first, deploy: lines.join('\n') } };
}

/** Returns the effects of keys that the table of options translates one by one, in the order of the table. */
function wishesOf(params: Section, remarks: Remark[]): FoundSettings['wishes'] {
  let wishes: FoundSettings['wishes'] = {};
  for (const { keys, become } of becoming) {
    const value = keys.map((key) => textIn(params, key)).find((text) => text !== undefined);
    const renewed = value === undefined ? undefined : become(value);
    if (!renewed) continue;
    wishes = { ...wishes, ...renewed.wishes };
    remarks.push(renewed.remark);
  }
  return wishes;
}

const becoming = certbotOptions().flatMap(({ keys = '', renews }) =>
  typeof renews === 'function' ? [{ keys: keys.split(' '), become: renews }] : [],
);

/** Returns an empty object if the file has no key type, or if certfleet does not generate such keys. */
function nextKeyTypeOf(params: Section, remarks: Remark[]): Pick<FoundCertificate, 'nextKeyType'> {
  const type = textIn(params, 'key_type');
  if (type === undefined) return {};
  const [key, usual] =
    type === 'rsa' ? (['rsa_key_size', '2048'] as const) : (['elliptic_curve', 'secp256r1'] as const);
  const value = textIn(params, key) ?? usual;
  const known = keyTypeOfPart(type === 'rsa' ? 'size' : 'curve', value);
  if (known !== undefined) return { nextKeyType: known };
  remarks.push({ kind: 'dropped', text: `${key} = ${value}${placeOf(params, key)}: certfleet makes no such key` });
  return {};
}

const unitMs: Readonly<Record<string, number>> = {
  second: 1_000,
  minute: 60_000,
  hour: 3_600_000,
  day: 86_400_000,
  week: 7 * 86_400_000,
  month: 30 * 86_400_000,
  year: 365 * 86_400_000,
};

/** Parses a period such as `30 days`, as certbot writes it. */
function renewBefore(conf: Section, remarks: Remark[]): number | undefined {
  const text = textIn(conf, 'renew_before_expiry');
  if (text === undefined) return undefined;
  const [, count, unit = 'day'] = /^(\d+)\s*(second|minute|hour|day|week|month|year)?s?$/.exec(text.trim()) ?? [];
  if (count === undefined) {
    const place = placeOf(conf, 'renew_before_expiry');
    remarks.push({ kind: 'dropped', text: `renew_before_expiry = ${text}${place}, which is not a period` });
    return undefined;
  }
  remarks.push({
    kind: 'changed',
    text: `renew_before_expiry = ${text} holds for this version, if that is before two thirds of its lifetime, as for certbot; for later ones the CA or the lifetime decides`,
  });
  return Number(count) * unitMs[unit]!;
}
