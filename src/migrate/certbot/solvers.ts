import { dns01Type, manualProvider } from '../../config/registry/registry.ts';
import type { FoundSettings, Remark } from '../../core/lineage/found.ts';
import type { AdapterSettings } from '../../core/spec/spec.ts';
import type { Json } from '../../core/text/json.ts';
import { nearest } from '../../core/text/nearest.ts';
import { present } from '../../core/text/present.ts';
import type { ImportContext } from '../importer.ts';
import { whyNoFile, whyNoFolder } from '../missing.ts';
import { listIn, type Section, textIn } from './config-obj.ts';
import { findProvider, lackingPlugins, providerOptions } from './plugins.ts';

/** How to answer challenges, with remarks about it. */
export interface Solvers extends Pick<FoundSettings, 'solver' | 'solvers' | 'solverOf'> {
  readonly remarks: readonly Remark[];
}

/** Returns the solvers that correspond to certbot's authenticator. */
export async function solversOf(params: Section, name: string, context: ImportContext): Promise<Solvers> {
  const authenticator = textIn(params, 'authenticator') ?? 'standalone';
  const plugin = /(?:^|:)dns-([a-z0-9-]+)$/.exec(authenticator)?.[1];
  if (plugin !== undefined) return dnsSolvers(params, { plugin, name }, context);
  switch (authenticator) {
    case 'standalone':
      return standalone(params, [{ kind: 'kept', text: 'answers over HTTP on its own port, as --standalone' }]);
    case 'webroot':
      return webroots(params, name, context);
    case 'manual':
      return manual(params, name);
    case 'nginx':
    case 'apache':
      return standalone(params, [
        {
          kind: 'dropped',
          text: `the authenticator ${authenticator}: certfleet does not edit the web server’s configuration. Name the folder that it serves: certfleet issue ${name} --http webroot:FOLDER. Until then, a renewal needs port 80 for itself`,
        },
      ]);
    default:
      return one('unknown', { type: `certbot’s plugin ${authenticator}` }, [
        {
          kind: 'missing',
          text: `a solver in place of certbot’s plugin ${authenticator}, for which certfleet has none. Until you choose one, it cannot be renewed: certfleet issue ${name} --http webroot:FOLDER, or --dns PROVIDER`,
        },
      ]);
  }
}

const one = (name: string, settings: AdapterSettings, remarks: readonly Remark[]): Solvers => ({
  solver: name,
  solvers: { [name]: settings },
  solverOf: {},
  remarks,
});

function standalone(params: Section, remarks: readonly Remark[]): Solvers {
  const port = textIn(params, 'http01_port') ?? '80';
  const address = textIn(params, 'http01_address') ?? '';
  const isUsual = port === '80' && address === '';
  const host = address.includes(':') ? `[${address}]` : address === '' ? '0.0.0.0' : address;
  const settings = {
    type: 'http01-responder',
    shared: false,
    ...present({ listen: isUsual ? undefined : `${host}:${port}` }),
  };
  return one('standalone', settings, remarks);
}

/** Returns a solver for each folder, because only the one with a name's own folder can answer for that name. */
async function webroots(params: Section, name: string, { files }: ImportContext): Promise<Solvers> {
  const map = params.sections.get('webroot_map');
  const folderOf = new Map<string, string>();
  for (const identifier of map?.values.keys() ?? []) {
    const folder = textIn(map, identifier);
    if (folder !== undefined) folderOf.set(identifier.toLowerCase(), folder);
  }
  const usual = listIn(params, 'webroot_path').at(-1);
  const folders = [...new Set([...folderOf.values(), ...(usual === undefined ? [] : [usual])])];
  if (folders.length === 0)
    return standalone(params, [
      {
        kind: 'dropped',
        text: `the webroot, because no folder is written down: certfleet issue ${name} --http webroot:FOLDER`,
      },
    ]);
  const nameOf = (folder: string): string => {
    const at = folders.indexOf(folder);
    return at === 0 ? 'webroot' : `webroot-${at + 1}`;
  };
  const solverOf = Object.fromEntries([...folderOf].map(([identifier, folder]) => [identifier, nameOf(folder)]));
  const remarks: Remark[] = folders.map((folder) => {
    const names = [...folderOf].filter(([, other]) => other === folder).map(([identifier]) => identifier);
    return {
      kind: 'kept',
      text: `answers over HTTP with files in ${folder}${names.length > 0 && folders.length > 1 ? `, for ${names.join(', ')}` : ''}`,
    };
  });
  for (const folder of folders) {
    const why = await whyNoFolder(files, folder);
    if (why !== undefined)
      remarks.push({
        kind: 'missing',
        text: `the folder ${folder}: ${why}. Make it, or name the folder that the web server serves: certfleet issue ${name} --http webroot:FOLDER`,
      });
  }
  return {
    solver: nameOf(usual ?? folders[0]!),
    solvers: Object.fromEntries(
      folders.map((folder) => [nameOf(folder), { type: 'http01-webroot', folders: [folder] }]),
    ),
    solverOf,
    remarks,
  };
}

function manual(params: Section, name: string): Solvers {
  const answering = textIn(params, 'manual_auth_hook');
  const cleanup = textIn(params, 'manual_cleanup_hook');
  const challenge = listIn(params, 'pref_challs').some((type) => type.startsWith('dns')) ? 'dns-01' : 'http-01';
  if (answering !== undefined) {
    const settings = { type: 'command', challenge, present: answering, ...present({ cleanup }) };
    return one('hooks', settings, [
      { kind: 'kept', text: `answers ${challenge} with the manual hooks, which may run again for the same value` },
    ]);
  }
  if (challenge === 'dns-01')
    return one(manualProvider, { type: dns01Type, provider: manualProvider }, [
      {
        kind: 'kept',
        text: 'answers over DNS by hand: `certfleet issue` asks for the record, and `renew` reports when it is due',
      },
    ]);
  return standalone(params, [
    {
      kind: 'dropped',
      text: `files by hand: name the folder that the web server serves: certfleet issue ${name} --http webroot:FOLDER`,
    },
  ]);
}

async function dnsSolvers(
  params: Section,
  { plugin, name }: { readonly plugin: string; readonly name: string },
  { registry, files }: ImportContext,
): Promise<Solvers> {
  const provider = lackingPlugins.has(plugin) ? undefined : await findProvider(plugin, registry);
  if (provider === undefined) {
    const near = nearest(plugin, Object.keys(registry.dns));
    // The solver keeps its name, so that a renewal reports what is missing, and does not try another way.
    return one(plugin, { type: dns01Type, provider: plugin, options: {} }, [
      {
        kind: 'missing',
        text: `a DNS provider in place of certbot’s plugin dns-${plugin}, for which certfleet has none${near === undefined ? '' : ` (is it ${near}?)`}. Until you choose one, it cannot be renewed: certfleet issue ${name} --dns PROVIDER. \`certfleet providers\` lists them`,
      },
    ]);
  }
  const known = await providerOptions(provider, registry);
  const own = new RegExp(`^(?:[a-z0-9_]+:)?dns_${plugin.replaceAll('-', '_')}_(.+)$`);
  const options: Record<string, Json> = {};
  const remarks: Remark[] = [];
  let propagation: string | undefined;
  for (const key of params.values.keys()) {
    const end = own.exec(key)?.[1];
    const value = textIn(params, key);
    if (end === undefined || value === undefined) continue;
    const option = known.find((field) => field.toLowerCase() === end.replaceAll('_', ''));
    if (end === 'propagation_seconds') propagation = `${value}s`;
    else if (option !== undefined) options[option] = value;
    else remarks.push({ kind: 'dropped', text: `${key}: the DNS provider ${provider} has no such option` });
  }
  const file = options['credentials'];
  const from =
    file === undefined
      ? 'with credentials from the environment or their usual place'
      : `with the credentials in ${file}`;
  const why = typeof file === 'string' ? await whyNoFile(files, file) : undefined;
  if (why !== undefined)
    remarks.push({
      kind: 'missing',
      text: `the credentials file ${file}: ${why}. Put it there, or name another: certfleet issue ${name} --dns ${provider} --dns-option credentials=FILE`,
    });
  const settings = { type: dns01Type, provider, options, ...present({ propagation }) };
  return one(provider, settings, [{ kind: 'kept', text: `answers over DNS by ${provider}, ${from}` }, ...remarks]);
}
