import { type Section, textIn } from './config-obj.ts';

/** Names of cli.ini that renewal files call otherwise. */
const others: Readonly<Record<string, string>> = {
  deploy_hook: 'renew_hook',
  preferred_challenges: 'pref_challs',
};

/** What cli.ini may say that a renewal is done with; the rest is for the terminal, or for new certificates. */
const used: ReadonlySet<string> = new Set([
  ...['server', 'authenticator', 'installer', 'webroot_path', 'pref_challs', 'pre_hook', 'post_hook', 'renew_hook'],
  ...['key_type', 'rsa_key_size', 'elliptic_curve', 'reuse_key', 'preferred_chain', 'preferred_profile'],
  ...['must_staple', 'directory_hooks', 'http01_port', 'http01_address'],
]);

/** The settings of a certificate: those of its renewal file, and before them those of cli.ini, as in certbot. */
export function mergedWith(cliIni: Section | undefined, params: Section): Section {
  const values = new Map(params.values);
  for (const key of cliIni?.values.keys() ?? []) {
    const plain = key.replaceAll('-', '_');
    const name = others[plain] ?? plain;
    const value = textIn(cliIni, key);
    if (value !== undefined && used.has(name)) values.set(name, value);
  }
  return { values, sections: params.sections };
}
