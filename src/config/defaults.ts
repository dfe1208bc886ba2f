import { resolve } from 'node:path';
import type { Settings } from '../core/spec/spec.ts';
import type { Environment } from './options.ts';
import { isKeyReference } from './store-key.ts';

/** The paths used if neither a flag nor the configuration says otherwise. */
export interface DefaultPaths {
  readonly configuration: string;
  readonly store: string;
  /** Where certbot keeps everything. */
  readonly certbot: string;
  /** The files and folders that cron reads. */
  readonly crontabs: readonly string[];
  /** The folder of the crontabs that packages bring. */
  readonly cronFiles: string;
  /** Where cron itself is; any of them will do. */
  readonly cron: readonly string[];
  /** The folders of systemd units, and the folder of enabled timers. */
  readonly units: readonly string[];
  readonly timers: string;
  /** Where systemd looks for credentials by their names: as they are, and encrypted by `systemd-creds`. */
  readonly credentials: string;
  readonly encryptedCredentials: string;
  /** The variables of the service that `install-timer` writes. */
  readonly environment: string;
  /** Exists where systemd started the machine. */
  readonly bootedBySystemd: string;
  /** Files that differ from machine to machine, and stay as they are. */
  readonly machine: readonly string[];
}

/**
 * All default paths. `CERTFLEET_ROOT` is a folder to use instead of `/`: the tests set it, so that they never read or
 * change this machine's own certfleet.
 */
export function defaultPaths(env: Environment): DefaultPaths {
  const below = (path: string) => resolve(env['CERTFLEET_ROOT'] || '/', path);
  return {
    configuration: below('etc/certfleet/certfleet.yaml'),
    store: below('var/lib/certfleet'),
    certbot: below('etc/letsencrypt'),
    crontabs: [
      'etc/crontab',
      'etc/cron.d',
      'etc/cron.hourly',
      'etc/cron.daily',
      'var/spool/cron/crontabs',
      'var/spool/cron',
    ].map(below),
    cronFiles: below('etc/cron.d'),
    cron: ['usr/sbin/cron', 'usr/sbin/crond', 'usr/bin/crond', 'usr/local/sbin/crond'].map(below),
    units: ['etc/systemd/system', 'usr/local/lib/systemd/system', 'usr/lib/systemd/system'].map(below),
    timers: below('etc/systemd/system/timers.target.wants'),
    credentials: below('etc/credstore'),
    encryptedCredentials: below('etc/credstore.encrypted'),
    environment: below('etc/certfleet/environment'),
    bootedBySystemd: below('run/systemd/system'),
    machine: ['etc/machine-id', 'etc/hostname'].map(below),
  };
}

/** `CERTFLEET_STORE_KEY` has the key, or says where it is. */
function storeKeysOf(env: Environment): readonly string[] {
  const variable = 'CERTFLEET_STORE_KEY';
  const value = env[variable];
  return !value ? [] : isKeyReference(value) ? [value] : [`env:${variable}`];
}

/** The settings used if nothing is configured. */
export const defaultSettings = (env: Environment): Settings => ({
  store: { type: 'file', path: defaultPaths(env).store },
  storeIsDeclared: false,
  storeKeys: storeKeysOf(env),
  issuers: {},
  balancers: {},
  solvers: {},
  deployers: {},
  certificates: [],
  preflight: { resolvers: [], http01Port: 80 },
  // Less than the 10 s that Docker and similar supervisors wait before SIGKILL.
  shutdownBudgetMs: 8_000,
  leaseTtlMs: 60_000,
  deployTimeoutMs: 120_000,
  deployDeadlineMs: 300_000,
});
