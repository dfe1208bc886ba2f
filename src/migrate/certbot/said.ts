/** The content of a certbot command line, before it is known which certfleet command corresponds to it. */
export interface Said {
  readonly domains: string[];
  readonly webroots: string[];
  /** All choices of how to answer challenges: `webroot`, `standalone`, `manual`, `nginx`, `apache`, `dns-…`. */
  readonly authenticators: string[];
  installer: string | undefined;
  /** The values of flags that are read later, by meaning. */
  readonly values: Partial<Record<Kept, string>>;
  expand: boolean;
  /** Whether certfleet must not ask questions. */
  isUnattended: boolean;
  /** `--disable-hook-validation`. */
  trustsHooks: boolean;
  /** `--no-directory-hooks`. */
  leavesFolders: boolean;
  /** What certbot's installers would add to the server's configuration. */
  readonly enhancements: Enhancement[];
  /** Flags that certfleet has, too, in certfleet's spelling, each with its value. */
  readonly same: (readonly string[])[];
  /** The flags that apply to an order and not to `renew`, as typed. */
  readonly ofOrder: string[];
  /** Flags for the DNS plugin and the key, which `cli/certbot/translate.ts` translates. */
  readonly others: string[];
}

export type Enhancement = '--redirect' | '--hsts' | '--uir' | '--staple-ocsp';

/** A switch that other code reads by name. */
export type Turned = 'expand' | 'isUnattended' | 'trustsHooks' | 'leavesFolders';

/** A value that other code reads by name. */
export type Kept =
  | 'name'
  | 'configDir'
  | 'cliIni'
  | 'challenges'
  | 'authHook'
  | 'cleanupHook'
  | 'port'
  | 'address'
  | 'certPath'
  | 'keyPath'
  | 'reason'
  | 'nginxCtl'
  | 'nginxRoot'
  | 'apacheCtl';

export const newSaid = (): Said => ({
  ...{ domains: [], webroots: [], authenticators: [], installer: undefined, values: {} },
  ...{ expand: false, isUnattended: false, trustsHooks: false, leavesFolders: false },
  ...{ enhancements: [], same: [], ofOrder: [], others: [] },
});
