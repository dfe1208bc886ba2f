import { join } from 'node:path';
import { optionsIn } from '../../config/options/credentials-file.ts';
import { optionFields } from '../../config/registry/option-fields.ts';
import { adapterEntry, dns01Type } from '../../config/registry/registry.ts';
import type { Remark } from '../../core/lineage/found.ts';
import type { AdapterSettings } from '../../core/spec/spec.ts';
import { CredentialsProblem, parseCredentials } from '../../core/text/credentials-text.ts';
import { present } from '../../core/text/present.ts';
import type { ImportContext } from '../importer.ts';
import { whyNoFolder } from '../missing.ts';
import { type Answering, standalone } from '../settings.ts';
import { readableFiles } from '../trusted-files.ts';

/** The DNS providers that have other names in acme.sh. */
const providerOf: Readonly<Record<string, string>> = {
  dns_acmedns: 'acme-dns',
  dns_ali: 'alidns',
  dns_aws: 'route53',
  dns_cf: 'cloudflare',
  dns_cx: 'cloudxns',
  dns_dgon: 'digitalocean',
  dns_dp: 'dnspod',
  dns_dpi: 'dnspod',
  dns_gandi_livedns: 'gandi',
  dns_gd: 'godaddy',
  dns_jd: 'jdcloud',
  dns_linode_v4: 'linode',
  dns_lua: 'luadns',
  dns_me: 'dnsmadeeasy',
  dns_nsone: 'ns1',
  dns_nsupdate: 'rfc2136',
  dns_pdns: 'powerdns',
  dns_tencent: 'dnspod',
  dns_west_cn: 'westcn',
};

/** Returns the solvers for acme.sh’s `Le_Webroot`: one method, or one for each name. */
export async function answeringOf(
  conf: ReadonlyMap<string, string>,
  root: string,
  context: ImportContext,
): Promise<Answering> {
  const others = (conf.get('Le_Alt') ?? '').split(',').filter((name) => name !== '' && name !== 'no');
  const names = [conf.get('Le_Domain') ?? '', ...others];
  const methods = (conf.get('Le_Webroot') ?? 'no').split(',').filter((method) => method !== '');
  const solvers: Record<string, AdapterSettings> = {};
  const solverOf = new Map<string, string>();
  const remarks: Remark[] = [];
  const known = new Map<string, string>();
  for (const [at, name] of names.entries()) {
    // The last method also applies to all names after it.
    const method = methods[at] ?? methods.at(-1) ?? 'no';
    let solver = known.get(method);
    if (solver === undefined) {
      const made = await solverFor(method, { conf, root, context });
      const same = Object.keys(solvers).filter((one) => one.replace(/-\d+$/, '') === made.name).length;
      solver = same === 0 ? made.name : `${made.name}-${same + 1}`;
      solvers[solver] = made.settings;
      known.set(method, solver);
      remarks.push(made.remark);
      const why = method.startsWith('/') ? await whyNoFolder(context.files, method) : undefined;
      if (why !== undefined)
        remarks.push({
          kind: 'missing',
          text: `the folder ${method}: ${why}. Make it, or name the folder that the web server serves: certfleet issue ${names[0]} --http webroot:FOLDER`,
        });
    }
    solverOf.set(name.toLowerCase(), solver);
  }
  return { solver: solverOf.get(names[0]!.toLowerCase())!, solvers, solverOf: Object.fromEntries(solverOf), remarks };
}

interface Made {
  readonly name: string;
  readonly settings: AdapterSettings;
  readonly remark: Remark;
}

interface Sources {
  readonly conf: ReadonlyMap<string, string>;
  readonly root: string;
  readonly context: ImportContext;
}

async function solverFor(method: string, sources: Sources): Promise<Made> {
  const port = sources.conf.get('Le_HTTPPort') || undefined;
  const onPort = { ...standalone, ...present({ listen: port === undefined ? undefined : `0.0.0.0:${port}` }) };
  if (method.startsWith('dns_')) return overDns(method, sources);
  if (method.startsWith('/'))
    return {
      name: 'webroot',
      settings: { type: 'http01-webroot', folders: [method] },
      remark: { kind: 'kept', text: `answers over HTTP with files in ${method}` },
    };
  const plain = (remark: Remark): Made => ({ name: 'standalone', settings: onPort, remark });
  if (method === 'no') return plain({ kind: 'kept', text: 'answers over HTTP on its own port, as --standalone' });
  if (method === 'alpn' && sources.context.registry.solver['tls-alpn01'])
    return {
      name: 'alpn',
      settings: { type: 'tls-alpn01' },
      remark: { kind: 'kept', text: 'answers over TLS on its own port, as --alpn' },
    };
  return plain({
    kind: 'dropped',
    text: `the method ${method.replace(/:.*/, '')}: choose another with certfleet issue NAME --http or --dns. Until then, a renewal needs port 80 for itself`,
  });
}

/**
 * Returns certfleet’s own provider if its options are in acme.sh’s account.conf, or else a solver that runs acme.sh’s
 * script.
 */
async function overDns(script: string, { root, context }: Sources): Promise<Made> {
  const file = join(root, 'account.conf');
  const provider = providerOf[script] ?? script.slice('dns_'.length).replaceAll('_', '-');
  if (await hasCredentials(provider, file, context))
    return {
      name: provider,
      settings: { type: dns01Type, provider, options: { credentials: file } },
      remark: {
        kind: 'kept',
        text: `answers over DNS by ${provider}, with the credentials in ${file}: keep this file`,
      },
    };
  const isHome = (await context.files.stat(join(root, 'acme.sh')).catch(() => undefined)) !== undefined;
  return {
    name: 'acmesh',
    settings: {
      type: dns01Type,
      provider: 'acmesh',
      options: { script, environment: `file:${file}`, ...present({ home: isHome ? root : undefined }) },
    },
    remark: { kind: 'kept', text: `answers over DNS by acme.sh’s script ${script}, with ${file}: keep acme.sh` },
  };
}

async function hasCredentials(provider: string, file: string, { files, registry }: ImportContext): Promise<boolean> {
  const definition = await adapterEntry(registry, 'dns', provider)?.load();
  if (!definition) return false;
  const fields = optionFields(definition.options);
  const prefixes = fields.find((field) => field.name === 'credentials')?.credentials;
  const bytes = prefixes && (await readableFiles(files, 'acme.sh').read(file));
  if (!bytes) return false;
  try {
    const found = optionsIn(parseCredentials(new TextDecoder().decode(bytes)), fields, prefixes);
    return [...found.keys()].some((name) => fields.some((field) => field.name === name && field.secret));
  } catch (error) {
    if (error instanceof CredentialsProblem) return false;
    throw error;
  }
}
