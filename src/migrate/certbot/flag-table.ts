import { fail } from '../../core/errors/errors.ts';
import type { FoundSettings, Remark } from '../../core/lineage/found.ts';
import type { Enhancement, Kept, Said, Turned } from './said.ts';

/**
 * One option of certbot: on its command line, in `cli.ini`, in `renewal/NAME.conf`, in messages and in the reference.
 * To support another one, add an entry to the table, and a row to `cli/certbot/certbot.test.ts`, or to
 * `certbot.test.ts` if it has a key.
 */
export interface CertbotOption {
  /** The flags as typed, separated by spaces. In `cli.ini`, they appear without the leading hyphens. */
  readonly flags: string;
  /** The kind of the value, for shell completion. Undefined for a switch. */
  readonly value?: ValueKind;

  // The effect on a command line. At most one of these is set.

  /** certfleet's flag with the same effect and the same value. */
  readonly same?: string;
  /** The name under which the value is kept for later. */
  readonly keep?: Kept;
  /** The way to answer challenges that the option chooses. */
  readonly answer?: string;
  /** The part of the private key's type that the option sets, together with others (`key-type.ts`). */
  readonly part?: KeyPart;
  /** The setting that only certbot's installers use. */
  readonly enhance?: Enhancement;
  /** The switch that the option turns on. */
  readonly turns?: Turned;
  readonly read?: (said: Said, value: string) => void;
  /** Whether the option is refused, for the reason in `why`. */
  readonly refused?: true;

  /**
   * `order`: `renew` refuses the option unless a certificate is named. `renew`: `certfleet renew` has the option, too.
   */
  readonly scope?: 'order' | 'renew';

  // The effect in a renewal file, and in cli.ini for the renewals of all certificates.

  /** The option's keys there, separated by spaces. The first one with a value applies. */
  readonly keys?: string;
  /** `read`: settings.ts, solvers.ts, hooks.ts or certbot.ts reads it. Undefined: it does not affect a renewal. */
  readonly renews?: 'read' | ((value: string) => Renewed | undefined);

  // The texts about the option.

  /** What to type instead; by default, the flag in `same`. */
  readonly own?: string;
  /** Why the option is refused or not needed, or other useful information, as a clause. */
  readonly why?: string;
}

export type ValueKind = 'text' | 'file' | 'folder' | 'certificate' | 'ca' | 'plugin' | readonly string[];
export type KeyPart = 'type' | 'size' | 'curve';

/** The effect of a setting on renewals. */
export interface Renewed {
  readonly wishes?: FoundSettings['wishes'];
  readonly remark: Remark;
}

const kept = (text: string, wishes: FoundSettings['wishes']): Renewed => ({ wishes, remark: { kind: 'kept', text } });
/** Returns the effect of a switch. */
const when = (renewed: Renewed) => (value: string) => (/^(true|yes|on|1)$/i.test(value) ? renewed : undefined);

export const listIn = (text: string): readonly string[] =>
  text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');

/** The RSA sizes that certfleet supports. */
export const keySizes = ['2048', '3072', '4096'] as const;
export const keyCurves = ['secp256r1', 'secp384r1'] as const;

const asksRarely =
  'not needed: certfleet asks only on a terminal, and only before a certificate moves to another CA or loses names';
export const noStapling =
  'CAs have ended OCSP, so there is nothing to staple: Let’s Encrypt refuses such requests since 2025, and clients would reject a certificate without the staple';
const notEdited = 'certfleet edits no configuration of a web server, and prints what to add';
const printed = 'certfleet prints the lines to add to the server’s configuration';
const installersOnly = 'has no effect: only certbot’s installers use it';
const noEffect = 'has no effect';
const folder = '`--http webroot:FOLDER`';
const hook = '`--auth-hook` with `--http hook` or `--dns hook`';

/** Built when first needed, because most runs of certfleet do not need it. */
const table = (): readonly CertbotOption[] => [
  // The certificate and its names.
  {
    flags: '-d --domains --domain --ip-address',
    value: 'text',
    read: ({ domains }, value) => domains.push(...listIn(value)),
    own: '`-d`',
  },
  { flags: '--cert-name', value: 'certificate', keep: 'name', keys: 'cert_name', own: '`--name`' },
  {
    flags: '--expand',
    scope: 'order',
    turns: 'expand',
    why: 'not needed: `certfleet issue NAME -d NAMES` takes the new list of names, and `certfleet issue -d NAMES` adds names',
  },
  { flags: '--renew-with-new-domains', why: 'not needed: new names are ordered at once' },
  {
    flags: '--allow-subset-of-names',
    same: '--on-failed-name drop',
    scope: 'order',
    keys: 'allow_subset_of_names',
    renews: when(kept('names that fail are left out', { onFailedName: 'drop' })),
  },
  { flags: '--duplicate', refused: true, why: 'give the second certificate a name of its own with --cert-name' },
  { flags: '--csr', value: 'file', refused: true, why: 'certfleet makes the key and the request itself' },

  // How challenges are answered.
  { flags: '--webroot', answer: 'webroot', scope: 'order', own: folder },
  {
    flags: '-w --webroot-path',
    value: 'folder',
    scope: 'order',
    read: ({ webroots }, value) => webroots.push(...listIn(value)),
    keys: 'webroot_path',
    renews: 'read',
    own: folder,
  },
  { flags: '--webroot-map', value: 'text', scope: 'order', read: readWebrootMap, own: folder },
  { flags: '--standalone', answer: 'standalone', scope: 'order', own: '`--http standalone`' },
  {
    flags: '--http-01-port',
    value: 'text',
    keep: 'port',
    scope: 'order',
    keys: 'http01_port',
    renews: 'read',
    own: '`--http standalone:ADDRESS:PORT`',
  },
  {
    flags: '--http-01-address',
    value: 'text',
    keep: 'address',
    scope: 'order',
    keys: 'http01_address',
    renews: 'read',
    own: '`--http standalone:ADDRESS:PORT`',
  },
  { flags: '--manual', answer: 'manual', scope: 'order', own: '`--dns manual`' },
  {
    flags: '--manual-auth-hook',
    value: 'file',
    keep: 'authHook',
    scope: 'order',
    keys: 'manual_auth_hook',
    renews: 'read',
    own: hook,
  },
  {
    flags: '--manual-cleanup-hook',
    value: 'file',
    keep: 'cleanupHook',
    scope: 'order',
    keys: 'manual_cleanup_hook',
    renews: 'read',
    own: '`--cleanup-hook` with `--auth-hook`',
  },
  { flags: '--manual-public-ip-logging-ok', keys: 'manual_public_ip_logging_ok', why: noEffect },
  {
    flags: '--preferred-challenges',
    value: ['http', 'dns'],
    keep: 'challenges',
    scope: 'order',
    keys: 'pref_challs',
    renews: 'read',
    own: '`--http` or `--dns`',
  },
  { flags: '--debug-challenges', refused: true, why: 'certfleet checks itself that each challenge is answered' },
  {
    flags: '-a --authenticator',
    value: 'plugin',
    scope: 'order',
    read: ({ authenticators, others }, how) => {
      authenticators.push(how);
      if (/dns-/.test(how)) others.push('-a', how);
    },
    keys: 'authenticator',
    renews: 'read',
    own: '`--http` or `--dns`',
  },
  {
    flags: '--configurator',
    value: 'plugin',
    scope: 'order',
    read: (said, how) => {
      said.installer = how;
      said.authenticators.push(how);
    },
    own: '`--http` and `--deploy`',
  },

  // Web servers.
  {
    flags: '--nginx',
    answer: 'nginx',
    own: '`certfleet certbot --nginx`, or `--http webroot:FOLDER` with `--deploy nginx:FOLDER`',
    why: notEdited,
  },
  {
    flags: '--apache',
    answer: 'apache',
    own: '`certfleet certbot --apache`, or `--http webroot:FOLDER` with `--deploy files:FOLDER`',
    why: notEdited,
  },
  {
    flags: '-i --installer',
    value: ['nginx', 'apache'],
    scope: 'order',
    read: (said, name) => {
      said.installer = name;
    },
    keys: 'installer',
    renews: 'read',
    own: '`--deploy`',
    why: notEdited,
  },
  { flags: '--nginx-ctl', value: 'file', keep: 'nginxCtl', own: '`--nginx-ctl`' },
  { flags: '--nginx-server-root', value: 'folder', keep: 'nginxRoot', own: '`--nginx-server-root`' },
  { flags: '--nginx-sleep-seconds', value: 'text', why: installersOnly },
  { flags: '--apache-ctl', value: 'file', keep: 'apacheCtl', own: '`--deploy-hook`' },
  { flags: '--https-port', value: 'text', why: installersOnly },
  { flags: '--redirect', enhance: '--redirect', why: printed },
  { flags: '--hsts', enhance: '--hsts', why: printed },
  { flags: '--uir', enhance: '--uir', why: printed },
  { flags: '--staple-ocsp', enhance: '--staple-ocsp', why: printed },
  { flags: '--no-redirect --no-hsts --no-uir --no-staple-ocsp --disable-renew-updates', why: installersOnly },
  {
    flags: '--auto-hsts',
    refused: true,
    why: 'certfleet edits no configuration of a web server; --hsts prints what to add',
  },

  // The key and what is ordered.
  {
    flags: '--key-type',
    value: ['rsa', 'ecdsa'],
    part: 'type',
    scope: 'order',
    keys: 'key_type',
    renews: 'read',
    own: '`--key-type`',
  },
  {
    flags: '--rsa-key-size',
    value: keySizes,
    part: 'size',
    scope: 'order',
    keys: 'rsa_key_size',
    renews: 'read',
    own: '`--key-type rsa4096`',
  },
  {
    flags: '--elliptic-curve',
    value: keyCurves,
    part: 'curve',
    scope: 'order',
    keys: 'elliptic_curve',
    renews: 'read',
    own: '`--key-type p384`',
  },
  {
    flags: '--reuse-key',
    same: '--reuse-key',
    scope: 'order',
    keys: 'reuse_key',
    renews: when(kept('the next version gets the same key', { reuseKey: true })),
  },
  { flags: '--no-reuse-key --new-key', same: '--no-reuse-key', scope: 'order' },
  {
    flags: '--preferred-chain',
    value: 'text',
    same: '--preferred-chain',
    scope: 'order',
    keys: 'preferred_chain',
    renews: (chain) => kept(`preferred chain: ${chain}`, { preferredChain: chain }),
  },
  {
    flags: '--preferred-profile --required-profile',
    value: 'text',
    same: '--profile',
    scope: 'order',
    keys: 'required_profile preferred_profile',
    renews: (profile) => kept(`profile: ${profile}`, { profile }),
  },
  {
    flags: '--must-staple',
    refused: true,
    keys: 'must_staple',
    renews: when({ remark: { kind: 'dropped', text: `must_staple: ${noStapling}` } }),
    why: noStapling,
  },

  // The CA and its accounts.
  { flags: '--server', value: 'ca', same: '--issuer', scope: 'order', keys: 'server', renews: 'read' },
  // certbot reads this from a variable, REQUESTS_CA_BUNDLE.
  { flags: '--ca-file', value: 'file', same: '--ca-file', scope: 'order' },
  { flags: '--no-verify-ssl', refused: true, why: 'certfleet always checks the CA; name its root with --ca-file' },
  { flags: '--staging --test-cert', same: '--staging', scope: 'order' },
  { flags: '--break-my-certs', why: 'not needed: a test certificate never takes the place of another one' },
  { flags: '--account', value: 'text', same: '--account', scope: 'order', keys: 'account', renews: 'read' },
  { flags: '-m --email', value: 'text', same: '--email', keys: 'email' },
  { flags: '--agree-tos', same: '--agree-tos', keys: 'agree_tos tos' },
  { flags: '--register-unsafely-without-email', why: 'not needed: the account has no address unless one is given' },
  { flags: '--eff-email --no-eff-email', why: 'has no effect: certfleet gives no address to anyone but the CA' },
  { flags: '--eab-kid', value: 'text', same: '--eab-kid', scope: 'order' },
  {
    flags: '--eab-hmac-key',
    value: 'text',
    same: '--eab-hmac-key',
    scope: 'order',
    own: '`--eab-hmac-key file:PATH` or `env:NAME`',
    why: 'every user of the machine can see a key on the command line',
  },
  { flags: '--eab-hmac-alg', value: 'text', same: '--eab-hmac-alg', scope: 'order' },

  // Renewals and hooks.
  { flags: '--dry-run', same: '--dry-run', scope: 'renew' },
  { flags: '--force-renewal --renew-by-default', same: '--force', scope: 'renew' },
  {
    flags: '--keep --keep-until-expiring --reinstall',
    why: 'not needed: a certificate that is not due is not ordered again',
  },
  {
    flags: '--autorenew',
    keys: 'autorenew',
    renews: 'read',
    why: 'not needed: `certfleet renew` renews all certificates that it has',
  },
  { flags: '--no-autorenew', refused: true, why: '`certfleet renew` renews all certificates that it has' },
  { flags: '--pre-hook', value: 'file', same: '--pre-hook', scope: 'renew', keys: 'pre_hook', renews: 'read' },
  { flags: '--post-hook', value: 'file', same: '--post-hook', scope: 'renew', keys: 'post_hook', renews: 'read' },
  {
    flags: '--deploy-hook --renew-hook',
    value: 'file',
    same: '--deploy-hook',
    scope: 'renew',
    keys: 'renew_hook',
    renews: 'read',
  },
  {
    flags: '--disable-hook-validation',
    turns: 'trustsHooks',
    why: 'leaves out the check that a hook is there',
  },
  {
    flags: '--no-directory-hooks',
    turns: 'leavesFolders',
    keys: 'directory_hooks',
    renews: 'read',
    why: 'the programs in `renewal-hooks` do not run',
  },
  { flags: '--run-deploy-hooks', own: '`certfleet renew --redeploy`' },
  { flags: '--no-random-sleep-on-renew', why: 'not needed: `certfleet renew` begins at once' },

  // Revocation.
  { flags: '--cert-path', value: 'file', keep: 'certPath', scope: 'order', own: '`--cert-path`' },
  { flags: '--key-path', value: 'file', keep: 'keyPath', scope: 'order', own: '`--key-path`' },
  { flags: '--fullchain-path --chain-path', value: 'file', why: installersOnly },
  { flags: '--reason', value: 'text', keep: 'reason', scope: 'order', own: '`--reason`' },
  { flags: '--delete-after-revoke --no-delete-after-revoke', why: '`certfleet revoke` deletes nothing' },

  // Folders, and certbot's own behaviour.
  {
    flags: '--config-dir',
    value: 'folder',
    keep: 'configDir',
    keys: 'config_dir',
    own: '`--store` (with `import certbot`, the folder as an argument)',
    why: 'certificates go to its `live/NAME`, the store is in its `certfleet`',
  },
  { flags: '-c --config', value: 'file', keep: 'cliIni', why: 'names certbot’s `cli.ini`' },
  {
    flags: '-n --non-interactive --noninteractive',
    turns: 'isUnattended',
    keys: 'noninteractive_mode',
    why: asksRarely,
  },
  { flags: '--force-interactive', why: asksRarely },
  { flags: '--work-dir --logs-dir', value: 'folder', keys: 'work_dir logs_dir', why: noEffect },
  { flags: '--max-log-backups', value: 'text', keys: 'max_log_backups', why: noEffect },
  { flags: '--user-agent --user-agent-comment', value: 'text', keys: 'user_agent user_agent_comment', why: noEffect },
  { flags: '--issuance-timeout', value: 'text', why: 'has no effect: certfleet waits as long as the CA says' },
  { flags: '--no-self-upgrade --agree-dev-preview --strict-permissions --preconfigured-renewal', why: noEffect },
  { flags: '--debug --text -t --init --prepare --authenticators --installers', why: noEffect },
  { flags: '-q --quiet', own: '`--quiet`' },
  { flags: '-v --verbose', keys: 'verb', own: '`--verbose`' },
  { flags: '--checkpoints', value: 'text', refused: true, why: 'use `certfleet rollback NAME`' },
];

/** The commands of certbot, with a clause that says what to type instead, or why there is nothing. */
export const certbotVerbs: Readonly<Record<string, { readonly instead: string; readonly refused?: true }>> = {
  certonly: { instead: 'use `certfleet issue -d NAME`, or `certfleet certbot certonly`, instead' },
  run: { instead: 'use `certfleet issue -d NAME`, or `certfleet certbot run`, instead' },
  renew: { instead: 'use `certfleet renew` instead' },
  certificates: { instead: 'use `certfleet status` instead' },
  revoke: { instead: 'use `certfleet revoke NAME` instead' },
  delete: { instead: 'use `certfleet delete NAME` instead' },
  reconfigure: { instead: 'use `certfleet issue NAME` with the flags that change instead' },
  plugins: { instead: 'use `certfleet providers` instead' },
  register: { instead: 'not needed: `certfleet issue` opens the account' },
  show_account: { instead: 'use `certfleet account show` instead' },
  update_account: { instead: 'use `certfleet account update` instead' },
  unregister: { instead: 'use `certfleet account deactivate` instead' },
  install: { instead: 'use `certfleet renew --redeploy` instead', refused: true },
  enhance: { instead: notEdited, refused: true },
  rollback: { instead: notEdited, refused: true },
};

/**
 * The flags of certbot that `certfleet issue` accepts unchanged, besides those of DNS plugins. A separate list, because
 * each start of certfleet looks for them.
 */
export const native: ReadonlySet<string> = new Set([
  ...['-a', '--authenticator', '--manual', '--rsa-key-size', '--elliptic-curve'],
]);

interface Index {
  readonly options: readonly CertbotOption[];
  readonly byFlag: ReadonlyMap<string, CertbotOption>;
  readonly byKey: ReadonlyMap<string, CertbotOption>;
}

let made: Index | undefined;
function index(): Index {
  if (made) return made;
  const options = table();
  const by = (words: (option: CertbotOption) => string | undefined) =>
    new Map(
      options.flatMap(
        (option) =>
          words(option)
            ?.split(' ')
            .map((word) => [word, option] as const) ?? [],
      ),
    );
  made = { options, byFlag: by(({ flags }) => flags), byKey: by(({ keys }) => keys) };
  return made;
}

/** Returns all options except those of DNS plugins, which `plugins.ts` reads from the definitions of the providers. */
export const certbotOptions = (): readonly CertbotOption[] => index().options;
export const allFlags = (): readonly string[] => [...index().byFlag.keys()];
export const optionOfFlag = (flag: string): CertbotOption | undefined => index().byFlag.get(flag);
export const optionOfKey = (key: string): CertbotOption | undefined => index().byKey.get(key);

/**
 * Returns a clause with what to type instead of an option, or why there is nothing. Returns undefined if certfleet has
 * the same option.
 */
export function insteadOf(flag: string): string | undefined {
  const { own, same, why } = optionOfFlag(flag) ?? {};
  const text = own ?? (same === undefined ? undefined : `\`${same}\``);
  if (text === undefined || text === `\`${flag}\``) return text === undefined ? why : undefined;
  return `use ${text}${text.includes(', or ') ? ',' : ''} instead`;
}

function readWebrootMap({ domains, webroots }: Said, text: string): void {
  let map: unknown;
  try {
    map = JSON.parse(text);
  } catch {
    // The code below reports this.
  }
  const entries = typeof map === 'object' && map !== null ? Object.entries(map) : [];
  if (entries.length === 0 || entries.some(([, folder]) => typeof folder !== 'string'))
    throw fail('usage/invalid-value', {
      typed: '--webroot-map',
      form: 'an object like {"www.example.com": "/var/www/html"}',
    });
  for (const [names, path] of entries as [string, string][]) {
    domains.push(...listIn(names));
    webroots.push(path);
  }
}
