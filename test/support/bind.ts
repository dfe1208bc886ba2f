import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { findProgram, freePort, type Service, startService, temporaryFolder, until } from './service.ts';

const run = promisify(execFile);

/**
 * BIND as the authoritative server of the tests' zones, with dynamic updates by TSIG key and an optional secondary.
 * Uses loopback only, and no Debian service. Independent of the test framework: the demo and the bench use it too.
 */
export interface BindOptions {
  /** Default: `example.test` with the addresses of 127.0.0.1. */
  readonly zones?: readonly BindZone[];
  /** TSIG keys; the first may change everything unless a zone says otherwise. Default: `acme`. */
  readonly keys?: readonly BindKeyRequest[];
  /**
   * A second authoritative server. `follows`: notified of every change at once; `on-demand`: transfers only on
   * {@link BindSecondary.refresh}.
   */
  readonly secondary?: 'follows' | 'on-demand';
  /**
   * Where the secondary is. `ipv4` (default): 127.0.0.1 with another port, so it must be named as a server. `ipv6`: ::1
   * with the primary's port, and the zones name it as ns2, so that a walk by NS and address records finds it. (BIND
   * listens only on addresses of interfaces, so not on 127.0.0.2.)
   */
  readonly secondaryFamily?: 'ipv4' | 'ipv6';
  /** The primary also listens on ::1, and its zones say so. Not together with an IPv6 secondary. */
  readonly ipv6?: boolean;
  /** The primary also resolves, among its own zones: it follows an alias from one to another, as a CA's resolver does. */
  readonly recursion?: boolean;
  /** A free port by default. */
  readonly port?: number;
  /** The servers outlive this process (`npm run demo -- --keep`). */
  readonly outlives?: boolean;
}

export interface BindZone {
  /** Without a trailing dot. */
  readonly name: string;
  /** Zone-file lines besides SOA, NS and the addresses of ns1 (and ns2); relative names are below the zone. */
  readonly records?: readonly string[];
  /** Lines of `update-policy`, for instance `grant acme zonesub TXT;`. Default: the first key may change everything. */
  readonly policy?: readonly string[];
  /** Only the primary serves the zone, although there is a secondary. */
  readonly primaryOnly?: boolean;
}

export interface BindKeyRequest {
  readonly name: string;
  /** Default hmac-sha256. */
  readonly algorithm?: string;
}

export interface BindKey {
  readonly name: string;
  readonly algorithm: string;
  /** Base64. */
  readonly secret: string;
}

export interface Bind {
  readonly address: string;
  readonly port: number;
  /** `127.0.0.1:port`. */
  readonly server: string;
  /** The first key. */
  readonly key: BindKey;
  readonly keys: readonly BindKey[];
  /** The first key as a BIND key file, for nsupdate -k and certbot's own tests. */
  readonly keyFile: string;
  readonly service: Service;
  readonly secondary: BindSecondary | undefined;
  /** Every TXT value of a zone, by zone transfer, sorted. */
  txt(zone: string): Promise<readonly { readonly name: string; readonly value: string }[]>;
  /** The whole zone as `dig` prints it, by zone transfer. */
  dump(zone: string): Promise<string>;
  /** Changes the zone by nsupdate with the first key: `add x.example.test. 60 TXT "foreign"`. */
  update(zone: string, ...lines: readonly string[]): Promise<void>;
  /**
   * Gives the first key another secret, here and in {@link keyFile}, as an administrator does who rotates it. Returns the
   * new key; the old one is refused from then on.
   */
  rotate(): Promise<BindKey>;
  rndc(...args: readonly string[]): Promise<string>;
  stop(): Promise<void>;
}

export interface BindSecondary {
  readonly address: string;
  readonly port: number;
  readonly server: string;
  readonly service: Service;
  /** Transfers the zone now and resolves when the serial is the primary's. */
  refresh(zone: string): Promise<void>;
  /** SIGSTOP: it answers nothing. */
  pause(): void;
  /** SIGCONT. */
  resume(): void;
}

export const bindPrograms = ['named', 'rndc', 'nsupdate', 'dig'] as const;

const primaryAddress = '127.0.0.1';

const defaultZones: readonly BindZone[] = [{ name: 'example.test', records: ['@ A 127.0.0.1', 'www A 127.0.0.1'] }];

export async function startBind(options: BindOptions = {}): Promise<Bind> {
  const zones = options.zones ?? defaultZones;
  const folder = await temporaryFolder('bind');
  const port = options.port ?? (await freePort({ udp: true }));
  const secondaryMode = options.secondary;
  const onIpv6 = options.secondaryFamily === 'ipv6';
  const secondaryAddress = onIpv6 ? '::1' : '127.0.0.1';
  const secondaryPort = onIpv6 || secondaryMode === undefined ? port : await freePort({ udp: true });
  const keys = (options.keys ?? [{ name: 'acme' }]).map(({ name, algorithm }) => ({
    name,
    algorithm: algorithm ?? 'hmac-sha256',
    secret: randomBytes(32).toString('base64'),
  }));
  const key = keys[0]!;
  const keyText = keys.map(printKey).join('');
  const keyFile = join(folder, 'key.conf');
  await writeFile(keyFile, printKey(key), { mode: 0o600 });

  const primaryZones: string[] = [];
  const secondaryZones: string[] = [];
  for (const zone of [rootZone, ...zones]) {
    const shared = secondaryMode !== undefined && zone !== rootZone && !zone.primaryOnly;
    const file = join(folder, `${zone.name === '.' ? 'root' : zone.name}.zone`);
    await writeFile(file, printZone(zone, { named: shared && onIpv6, ipv6: options.ipv6 === true }));
    const policy = (zone.policy ?? [`grant ${key.name} zonesub ANY;`]).join(' ');
    const notify =
      shared && secondaryMode === 'follows' ? `also-notify { ${secondaryAddress} port ${secondaryPort}; };` : '';
    primaryZones.push(
      `zone "${zone.name}" { type primary; file "${file}"; update-policy { ${policy} }; notify ${notify ? 'explicit' : 'no'}; ${notify} };`,
    );
    if (shared)
      secondaryZones.push(
        `zone "${zone.name}" { type secondary; file "${file}.copy"; primaries { ${primaryAddress} port ${port}; }; };`,
      );
  }

  const primary = await startNamed({
    ...{ name: 'named', folder, address: primaryAddress, port, keyText, zones: primaryZones },
    ...{ ipv6: options.ipv6 === true, outlives: options.outlives === true, recursion: options.recursion === true },
  });
  const secondary =
    secondaryMode === undefined
      ? undefined
      : await startNamed({
          ...{
            name: 'named-secondary',
            folder: await temporaryFolder('bind2'),
            address: secondaryAddress,
            port: secondaryPort,
          },
          ...{ keyText, zones: secondaryZones, ipv6: false, outlives: options.outlives === true, recursion: false },
        });

  const ours = { address: primaryAddress, port };
  const theirs = { address: secondaryAddress, port: secondaryPort };
  const dig = async (at: typeof ours, ...args: readonly string[]): Promise<string> => {
    const common = [`@${at.address}`, '-p', String(at.port), '+time=2', '+tries=3', '+noidnin', '+noidnout'];
    return (await run(locate('dig'), [...common, ...args])).stdout;
  };
  const serial = async (at: typeof ours, zone: string) => (await dig(at, '+short', zone, 'SOA')).split(' ')[2];
  const transfer = (zone: string) => dig(ours, '+noall', '+answer', '+onesoa', zone, 'AXFR');

  const waitForCopy = (zone: string, deadlineMs = 10_000) =>
    until(
      async () => {
        const [copy, original] = await Promise.all([serial(theirs, zone), serial(ours, zone)]);
        return copy !== undefined && copy === original;
      },
      { what: `the secondary has the primary's version of ${zone}`, deadlineMs, everyMs: 5 },
    );
  if (secondary) for (const zone of zones) if (!zone.primaryOnly) await waitForCopy(zone.name, 20_000);

  return {
    address: primaryAddress,
    port,
    server: `${primaryAddress}:${port}`,
    key,
    keys,
    keyFile,
    service: primary.service,
    secondary: secondary && {
      ...theirs,
      server: `${onIpv6 ? '[::1]' : secondaryAddress}:${secondaryPort}`,
      service: secondary.service,
      async refresh(zone) {
        await secondary.rndc('retransfer', zone);
        await waitForCopy(zone);
      },
      pause: () => secondary.service.signal('SIGSTOP'),
      resume: () => secondary.service.signal('SIGCONT'),
    },
    dump: transfer,
    txt: async (zone) => txtRecords(await transfer(zone)),
    async update(zone, ...lines) {
      const script = [
        `server ${primaryAddress} ${port}`,
        `zone ${zone}`,
        ...lines.map((l) => `update ${l}`),
        'send',
        '',
      ];
      const updating = run(locate('nsupdate'), ['-k', keyFile]);
      updating.child.stdin?.end(script.join('\n'));
      await updating;
    },
    async rotate() {
      const rotated = { ...key, secret: randomBytes(32).toString('base64') };
      await writeFile(keyFile, printKey(rotated), { mode: 0o600 });
      await primary.setKeys([rotated, ...keys.slice(1)].map(printKey).join(''));
      return rotated;
    },
    rndc: primary.rndc,
    async stop() {
      await secondary?.service.stop();
      await primary.service.stop();
    },
  };
}

/** Every TXT value in a zone as `dig` prints it, sorted. */
export const txtRecords = (dump: string): readonly { readonly name: string; readonly value: string }[] =>
  dump
    .split('\n')
    .map((line) => line.split(/\s+/))
    .filter((fields) => fields[3] === 'TXT')
    .map((fields) => ({
      name: fields[0]!.replace(/\.$/, '').toLowerCase(),
      value: fields.slice(4).join(' ').replaceAll('" "', '').replace(/^"|"$/g, ''),
    }))
    .sort((a, b) => (`${a.name} ${a.value}` < `${b.name} ${b.value}` ? -1 : 1));

// Our own root zone, so that names outside the zones are NXDOMAIN at once instead of being looked up on the internet.
const rootZone: BindZone = { name: '.' };

const locate = (name: string): string => {
  const path = findProgram(name, 'system');
  if (path === undefined) throw new Error(`${name} is not on this machine (Debian: bind9, bind9-dnsutils)`);
  return path;
};

const printKey = ({ name, algorithm, secret }: BindKey): string =>
  `key "${name}" { algorithm ${algorithm}; secret "${secret}"; };\n`;

function printZone(zone: BindZone, about: { readonly named: boolean; readonly ipv6: boolean }): string {
  // TTL 1 and a negative TTL of 1 s, so that resolvers forget earlier tests.
  const origin = zone.name === '.' ? '.' : `${zone.name}.`;
  const ns = zone.name === '.' ? 'ns1.' : `ns1.${origin}`;
  const lines = [
    `$ORIGIN ${origin}`,
    '$TTL 1',
    `@ SOA ${ns} hostmaster.${zone.name === '.' ? '' : origin} 1 3600 600 86400 1`,
    `@ NS ${ns}`,
    `${ns} A ${primaryAddress}`,
    ...(about.ipv6 ? [`${ns} AAAA ::1`] : []),
    ...(about.named ? [`@ NS ns2.${origin}`, `ns2.${origin} AAAA ::1`] : []),
    ...(zone.records ?? []),
  ];
  return `${lines.join('\n')}\n`;
}

interface NamedOptions {
  readonly name: string;
  readonly folder: string;
  readonly address: string;
  readonly port: number;
  readonly keyText: string;
  readonly zones: readonly string[];
  readonly ipv6: boolean;
  readonly outlives: boolean;
  readonly recursion: boolean;
}

async function startNamed(options: NamedOptions) {
  const { folder, address, port } = options;
  const controlPort = await freePort();
  const controlSecret = randomBytes(32).toString('base64');
  const controlKey = printKey({ name: 'control', algorithm: 'hmac-sha256', secret: controlSecret });
  const config = join(folder, 'named.conf');
  const write = (keyText: string) =>
    writeFile(
      config,
      `${keyText}${controlKey}
options {
  directory "${folder}"; pid-file "${folder}/named.pid"; session-keyfile "${folder}/session.key";
  managed-keys-directory "${folder}";
  listen-on port ${port} { ${address.includes(':') ? 'none' : address}; };
  listen-on-v6 port ${port} { ${options.ipv6 || address.includes(':') ? '::1' : 'none'}; };
  recursion ${options.recursion ? 'yes' : 'no'}; dnssec-validation no; check-names primary ignore; allow-query { any; }; allow-transfer { any; };
  notify-delay 0; min-refresh-time 1; request-ixfr yes; minimal-responses no;
};
controls { inet 127.0.0.1 port ${controlPort} allow { 127.0.0.1; } keys { control; }; };
logging { category default { default_stderr; }; category lame-servers { null; }; };
${options.zones.join('\n')}
`,
      { mode: 0o600 },
    );
  await write(options.keyText);
  const rndcConfig = join(folder, 'rndc.conf');
  await writeFile(
    rndcConfig,
    `${controlKey}options { default-key control; default-server 127.0.0.1; default-port ${controlPort}; };\n`,
    { mode: 0o600 },
  );
  const rndc = async (...args: readonly string[]) => (await run(locate('rndc'), ['-c', rndcConfig, ...args])).stdout;
  const service = await startService({
    name: options.name,
    program: locate('named'),
    args: ['-g', '-c', config, '-n', '1'],
    outlives: options.outlives,
    ready: async () => {
      try {
        await rndc('status');
        return true;
      } catch {
        return false;
      }
    },
  });
  return {
    service,
    rndc,
    async setKeys(keyText: string) {
      await write(keyText);
      await rndc('reconfig');
    },
  };
}
