/** What one command line of certbot says, before it is known which command of certfleet does it. */
export interface Said {
  readonly domains: string[];
  readonly webroots: string[];
  /** Every answer to how the challenges are answered: `webroot`, `standalone`, `manual`, `nginx`, `apache`, `dns-…`. */
  readonly authenticators: string[];
  installer: string | undefined;
  /** The value of each flag that is read later, by its meaning. */
  readonly values: Partial<Record<Kept, string>>;
  expand: boolean;
  /** It must not ask. */
  isUnattended: boolean;
  /** `--disable-hook-validation`. */
  trustsHooks: boolean;
  /** `--no-directory-hooks`. */
  leavesFolders: boolean;
  /** What certbot's installers would add to the configuration of the server. */
  readonly enhancements: Enhancement[];
  /** Flags that certfleet has too, in its own words, each with its value. */
  readonly same: (readonly string[])[];
  /** The flags that are for an order, and not for `renew`, as they are typed. */
  readonly ofOrder: string[];
  /** Flags for the DNS plugin and the key, which `cli/certbot/flags.ts` translates. */
  readonly others: string[];
}

export type Enhancement = '--redirect' | '--hsts' | '--uir' | '--staple-ocsp';

/** A switch that is read where it is used. */
export type Turned = 'expand' | 'isUnattended' | 'trustsHooks' | 'leavesFolders';

/** A value that is read where it is used. */
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
