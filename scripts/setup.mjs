#!/usr/bin/env node
// Installs what the demo, the tests and the bench need. It runs before anything is installed, hence plain JavaScript
// for Node 20 without any dependency. Run again, it finds nothing to do and says nothing.
//
//   node scripts/setup.mjs            npm packages, and the servers the tests talk to
//   node scripts/setup.mjs --npm      npm packages alone
//   node scripts/setup.mjs --bench    also what the bench compares with; a test runs the bench

import { spawnSync } from 'node:child_process';
import {
  accessSync,
  chmodSync,
  constants,
  existsSync,
  lstatSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));

// What the demo and the tests need, with the program that shows that a Debian package is there: looked for on PATH, so
// that one built by hand counts too.
const servers = {
  pebble: 'pebble',
  haproxy: 'haproxy',
  nginx: 'nginx',
  bind9: 'named',
  'bind9-utils': 'rndc',
  'bind9-dnsutils': 'nsupdate',
  knot: 'knotd',
  'pdns-server': 'pdns_server',
  // Its backend, and the program that makes the database.
  'pdns-backend-sqlite3': '/usr/share/pdns-backend-sqlite3/schema/schema.sqlite3.sql',
  sqlite3: 'sqlite3',
  openssl: 'openssl',
  // It reads our metrics, and promtool checks them and the rules for alerts.
  prometheus: 'promtool',
  strace: 'strace',
  // compose.yaml is read by its own program, and a test of the image has a network of its own.
  'docker-compose': 'docker-compose',
  iproute2: 'ip',
  'openssh-server': 'sshd',
  // Completion runs in the shells themselves, and the manual page in what shows it.
  zsh: 'zsh',
  fish: 'fish',
  'groff-base': 'groff',
  // A CA that is not of Pebble's family: Caddy has the ACME server of smallstep.
  caddy: 'caddy',
  // A client that is not ours, which shows that the tests' simulated CA is a CA.
  'acme-tiny': 'acme-tiny',
  // Another one, which renews behind the same load balancer.
  uacme: 'uacme',
  // Another one, which knows the APIs of many DNS providers, and so shows that their fakes are like them.
  lego: 'lego',
  dehydrated: 'dehydrated',
  // And one that knows APIs that Debian's lego lacks; it calls them with curl.
  'acme.sh': '/usr/share/acme.sh/acme.sh',
  curl: 'curl',
  // The programs of a version are in a folder of their own, which the package of the default version fills.
  postgresql: '/var/lib/dpkg/info/postgresql.list',
  pgbouncer: 'pgbouncer',
  // A mail server for the tests of alarms.
  'python3-aiosmtpd': '/usr/lib/python3/dist-packages/aiosmtpd',
  // AWS for the tests; without the two modules, which it does not depend on, its server does not start.
  'python3-moto': '/usr/lib/python3/dist-packages/moto',
  'python3-flask-cors': '/usr/lib/python3/dist-packages/flask_cors',
  'python3-docker': '/usr/lib/python3/dist-packages/docker',
};
const peers = {
  certbot: 'certbot',
  'python3-certbot-dns-rfc2136': '/usr/lib/python3/dist-packages/certbot_dns_rfc2136',
  time: '/usr/bin/time',
};

const policyFile = '/usr/sbin/policy-rc.d';
const savedPolicyFile = '/usr/sbin/policy-rc.d.before-certfleet';
const policyMark = '# certfleet: nothing starts while the servers for its tests are installed';

try {
  checkNode();
  installNpmPackages();
  if (!process.argv.includes('--npm')) {
    const bench = process.argv.includes('--bench');
    installDebianPackages({ ...servers, ...(bench ? peers : {}) });
    if (bench) installAcmeClient();
  }
} catch (error) {
  if (!(error instanceof Stop)) throw error;
  console.error(`setup: ${error.message}`);
  process.exitCode = 1;
}

/** @param {string} message one sentence for a person */
function Stop(message) {
  this.message = message;
}

/** @param {string} line */
function say(line) {
  console.error(`setup: ${line}`);
}

function checkNode() {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  if (major > 20 || (major === 20 && minor >= 19)) return;
  throw new Stop(`certfleet needs Node.js 20.19 or later, and this is ${process.versions.node}.`);
}

function installNpmPackages() {
  const lock = statSync(join(root, 'package-lock.json'), { throwIfNoEntry: false });
  const installed = statSync(join(root, 'node_modules/.package-lock.json'), { throwIfNoEntry: false });
  if (!lock || (installed && installed.mtimeMs >= lock.mtimeMs)) return;
  say('installing the npm packages (npm ci)');
  run('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], { cwd: root });
}

// The bench's rival among npm packages: in a folder of its own, since nothing depends on it.
function installAcmeClient() {
  const prefix = join(root, '.cache/bench');
  if (existsSync(join(prefix, 'node_modules/acme-client'))) return;
  say('installing acme-client into .cache/bench (npm install)');
  const flags = ['--no-audit', '--no-fund', '--loglevel=error', '--ignore-scripts'];
  run('npm', ['install', ...flags, '--prefix', prefix, 'acme-client@5.4.0'], { cwd: root });
}

/** @param {Record<string, string>} wanted package → the program that shows it is there */
function installDebianPackages(wanted) {
  undoPolicy(); // an earlier run that was killed may have left it
  const missing = Object.keys(wanted).filter((name) => !isThere(wanted[name]));
  if (missing.length === 0) return;
  if (!isThere('apt-get')) {
    throw new Stop(`please install ${missing.join(', ')} (the names of Debian's packages), then try again.`);
  }
  if (process.getuid?.() !== 0) {
    const flag = process.argv.includes('--bench') ? ' --bench' : '';
    throw new Stop(
      `${missing.join(', ')} (Debian packages) missing: please type \`sudo node scripts/setup.mjs${flag}\`, which installs them and starts none, then try again.`,
    );
  }

  say(`reading Debian's package lists (apt-get update)`);
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', DEBCONF_NONINTERACTIVE_SEEN: 'true' };
  // Another apt may be at work on a machine that has just started: wait for its lock instead of failing.
  const quiet = ['-qq', '-o', 'DPkg::Lock::Timeout=300', '-o', 'Dpkg::Use-Pty=0'];
  // The lists may be old and still good (a mirror out of reach): only the installation decides.
  run('apt-get', [...quiet, 'update'], { env, mayFail: true });
  say(`installing ${missing.join(' ')} (apt-get install; no service is started or enabled)`);
  const before = startsAtBoot();
  withoutServiceStarts(() => {
    try {
      run('apt-get', [...quiet, '--yes', '--no-install-recommends', 'install', ...missing], { env });
    } finally {
      disable(startsAtBoot().filter((entry) => !before.includes(entry)));
    }
  });
}

/** @param {string | undefined} program a name on PATH, or an absolute path */
function isThere(program) {
  if (!program) return false;
  if (program.startsWith('/')) return existsSync(program);
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/local/sbin', '/usr/sbin', '/sbin'];
  return folders.some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK);
      return folder !== '';
    } catch {
      return false;
    }
  });
}

/**
 * Debian asks /usr/sbin/policy-rc.d before a package starts its service: 101 means no. One that is there already is
 * put aside and comes back, also after Ctrl-C, and at the next run after a kill.
 * @param {() => void} body
 */
function withoutServiceStarts(body) {
  const leave = () => {
    undoPolicy();
    process.exit(130);
  };
  process.once('SIGINT', leave).once('SIGTERM', leave);
  try {
    if (exists(policyFile)) renameSync(policyFile, savedPolicyFile);
    writeFileSync(policyFile, `#!/bin/sh\n${policyMark}\nexit 101\n`);
    chmodSync(policyFile, 0o755); // whatever the umask
    body();
  } finally {
    undoPolicy();
    process.off('SIGINT', leave).off('SIGTERM', leave);
  }
}

function undoPolicy() {
  if (process.getuid?.() !== 0) return;
  if (exists(policyFile) && isOurs(policyFile)) rmSync(policyFile);
  if (exists(savedPolicyFile) && !exists(policyFile)) renameSync(savedPolicyFile, policyFile);
}

/** @param {string} file */
function isOurs(file) {
  return (
    statSync(file, { throwIfNoEntry: false })?.isFile() === true && readFileSync(file, 'utf8').includes(policyMark)
  );
}

/** @param {string} path also true for a symlink that points nowhere */
function exists(path) {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}

/**
 * Everything that would start at boot: systemd's links and System V's. policy-rc.d has no say in what is enabled, so
 * what an installation adds here is taken back.
 */
function startsAtBoot() {
  /** @param {string} folder */
  const names = (folder) => (existsSync(folder) ? readdirSync(folder) : []);
  const systemd = names('/etc/systemd/system')
    .filter((name) => name.endsWith('.wants'))
    .flatMap((folder) => names(join('/etc/systemd/system', folder)))
    .map((unit) => `systemd ${unit}`);
  const systemV = ['2', '3', '4', '5']
    .flatMap((level) => names(`/etc/rc${level}.d`))
    .filter((name) => /^S\d\d/.test(name))
    .map((name) => `sysv ${name.slice(3)}`);
  return [...new Set([...systemd, ...systemV])];
}

/** @param {readonly string[]} entries as {@link startsAtBoot} gives them */
function disable(entries) {
  for (const entry of entries) {
    const [kind, name = ''] = entry.split(' ');
    // Debian's own tools, which keep the choice at the next upgrade and work where no systemd runs. The first one is
    // made for packages' scripts and asks for the name of one.
    const env = { ...process.env, DPKG_MAINTSCRIPT_PACKAGE: 'certfleet-setup' };
    if (kind === 'systemd') run('deb-systemd-helper', ['--quiet', 'disable', name], { env, mayFail: true });
    else run('update-rc.d', [name, 'disable'], { mayFail: true });
  }
}

/**
 * Runs a program with nothing on its stdin. What it says is shown only when it fails: apt alone fills two pages.
 * @param {string} program @param {readonly string[]} args
 * @param {{ cwd?: string, env?: NodeJS.ProcessEnv, mayFail?: boolean }} [options]
 */
function run(program, args, options = {}) {
  const { mayFail, ...rest } = options;
  const result = spawnSync(program, args, { stdio: ['ignore', 'pipe', 'pipe'], maxBuffer: 64 * 1024 * 1024, ...rest });
  if (result.status === 0 || mayFail) return;
  process.stderr.write(`${result.stdout ?? ''}${result.stderr ?? ''}`);
  const how = result.error ? result.error.message : `it ended with ${result.signal ?? `exit code ${result.status}`}`;
  throw new Stop(`\`${program} ${args.join(' ')}\` failed: ${how}.`);
}
