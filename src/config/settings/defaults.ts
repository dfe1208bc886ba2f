import { resolve } from 'node:path';
import { fail } from '../../core/errors/errors.ts';
import { isListenPlace, listenPlaceRule } from '../../core/names/listen-address.ts';
import { isNodeName, nodeNameRule } from '../../core/names/node-name.ts';
import type { Settings } from '../../core/spec/spec.ts';
import { present } from '../../core/text/present.ts';
import type { Environment } from '../options/secret-references.ts';
import { isKeyReference } from '../options/store-key.ts';

/** The paths to use if neither a flag nor the configuration sets them. */
export interface DefaultPaths {
  readonly configuration: string;
  readonly store: string;
  /** The folder where certbot keeps everything. */
  readonly certbot: string;
  /** The files and folders that cron reads. */
  readonly crontabs: readonly string[];
  /** The folder for crontabs from packages. */
  readonly cronFiles: string;
  /** Possible paths of cron itself. */
  readonly cron: readonly string[];
  /** The folders of systemd units, and those of enabled timers and of enabled services. */
  readonly units: readonly string[];
  readonly timers: string;
  readonly services: string;
  /** The folders where systemd looks for credentials by their names: unencrypted, and encrypted by `systemd-creds`. */
  readonly credentials: string;
  readonly encryptedCredentials: string;
  /** The variables of the service that `install-timer` writes. */
  readonly environment: string;
  /** A path that exists if systemd started the machine. */
  readonly bootedBySystemd: string;
  /** Files that differ from machine to machine, and do not change. */
  readonly machine: readonly string[];
}

/**
 * Returns all default paths. `CERTFLEET_ROOT` is a folder to use instead of `/`. The tests set it, so that they never
 * read or change this machine's own certfleet.
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
    services: below('etc/systemd/system/multi-user.target.wants'),
    credentials: below('etc/credstore'),
    encryptedCredentials: below('etc/credstore.encrypted'),
    environment: below('etc/certfleet/environment'),
    bootedBySystemd: below('run/systemd/system'),
    machine: ['etc/machine-id', 'etc/hostname'].map(below),
  };
}

/** Returns where the store key is. `CERTFLEET_STORE_KEY` contains the key, or names its place. */
function storeKeysOf(env: Environment): readonly string[] {
  const variable = 'CERTFLEET_STORE_KEY';
  const value = env[variable];
  return !value ? [] : isKeyReference(value) ? [value] : [`env:${variable}`];
}

/** Returns the name of this node. Fails with `config/invalid`. */
function nodeOf(env: Environment): string | undefined {
  const node = env['CERTFLEET_NODE'] || undefined;
  if (node === undefined || isNodeName(node)) return node;
  throw fail('config/invalid', { file: 'the environment', problem: `CERTFLEET_NODE must be ${nodeNameRule}` });
}

/** Returns where to listen. An image sets it, so that its health check works. Fails with `config/invalid`. */
export function listenOf(env: Environment): Settings['listen'] {
  const address = env['CERTFLEET_LISTEN'] || undefined;
  if (address === undefined || isListenPlace(address)) return address === undefined ? undefined : { address };
  throw fail('config/invalid', { file: 'the environment', problem: `CERTFLEET_LISTEN: ${listenPlaceRule}` });
}

/** Returns the settings to use if nothing is configured. */
export const defaultSettings = (env: Environment): Settings => ({
  store: { type: 'file', path: defaultPaths(env).store },
  storeIsDeclared: false,
  storeKeys: storeKeysOf(env),
  ...present({ node: nodeOf(env), listen: listenOf(env) }),
  issuers: {},
  balancers: {},
  solvers: {},
  deployers: {},
  certificates: [],
  alarms: {},
  preflight: { resolvers: [], http01Port: 80 },
  // Less than the 10 s that Docker and similar supervisors wait before SIGKILL.
  shutdownBudgetMs: 8_000,
  leaseTtlMs: 60_000,
  deployTimeoutMs: 120_000,
  deployDeadlineMs: 300_000,
});
