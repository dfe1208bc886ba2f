/** A virtual host, as far as `apachectl -S` and its own block describe it. */
export interface ApacheHost {
  /** `FILE:LINE` */
  readonly at: string;
  readonly port: number;
  readonly names: readonly string[];
  /** Undefined if the main server's setting applies. */
  readonly root: string | undefined;
  readonly certificate: string | undefined;
  /** The line that sends requests elsewhere than to a file. */
  readonly redirect: string | undefined;
}

export interface Apache {
  readonly hosts: readonly ApacheHost[];
  /** The folder of the main server. */
  readonly root: string;
  /** Returns the host that requests for a name reach. On port 443, returns only a host with that name. */
  hostFor(name: string, port: number): ApacheHost | undefined;
}

/** Reads what `apachectl -S` prints, and reads the blocks that it names with `read`. */
export async function readApache(
  printed: string,
  read: (path: string) => Promise<string | undefined>,
): Promise<Apache> {
  const hosts: ApacheHost[] = [];
  const defaults = new Map<number, string>();
  let port = 80;
  let names: string[] = [];
  for (const line of printed.split('\n')) {
    // `*:80 a.test (/etc/apache2/sites-enabled/a.conf:1)` is the only host there. Otherwise, a list follows.
    const only = /^\S+:(\d+)\s+(?!is a )(\S+) \((.+:\d+)\)$/.exec(line);
    const list = /^\S+:(\d+)\s+is a NameVirtualHost/.exec(line);
    const first = /^\s+default server \S+ \((.+:\d+)\)$/.exec(line);
    const host = /^\s+port (\d+) namevhost (\S+) \((.+:\d+)\)$/.exec(line);
    const alias = /^\s+(?:wild )?alias (\S+)$/.exec(line);
    if (list) port = Number(list[1]);
    else if (first) defaults.set(port, first[1]!);
    else if (alias) names.push(alias[1]!.toLowerCase());
    const [, at = '', name = '', where = ''] = host ?? only ?? [];
    if (where === '') continue;
    names = [name.toLowerCase()];
    if (only) defaults.set(Number(at), where);
    hosts.push({ at: where, port: Number(at), names, ...inBlock(await blockAt(where, read), where) });
  }
  const hostFor = (name: string, wanted: number) => {
    const here = hosts.filter((one) => one.port === wanted);
    const named = here.find((one) => one.names.some((given) => fits(given, name)));
    return named ?? (wanted === 443 ? undefined : here.find(({ at }) => at === defaults.get(wanted)));
  };
  return { hosts, root: /^Main DocumentRoot: "(.+)"$/m.exec(printed)?.[1] ?? '/var/www/html', hostFor };
}

/** Reports whether a host's name, which may contain `*` and `?`, matches. */
const fits = (given: string, name: string): boolean =>
  new RegExp(
    `^${given
      .replaceAll(/[.+^$()|{}[\]\\]/g, '\\$&')
      .replaceAll('*', '.*')
      .replaceAll('?', '.')}$`,
  ).test(name);

async function blockAt(where: string, read: (path: string) => Promise<string | undefined>): Promise<readonly string[]> {
  const [, path = '', line = '1'] = /^(.+):(\d+)$/.exec(where) ?? [];
  const lines = ((await read(path).catch(() => undefined)) ?? '').split('\n').slice(Number(line) - 1);
  const end = lines.findIndex((one) => /^\s*<\/VirtualHost>/i.test(one));
  return lines.slice(0, Math.max(end, 0)).map((one) => one.trim());
}

function inBlock(lines: readonly string[], where: string): Pick<ApacheHost, 'root' | 'certificate' | 'redirect'> {
  const directiveOf = (directive: string) => {
    const [, value = ''] =
      lines.map((line) => new RegExp(`^${directive}\\s+(.+)$`, 'i').exec(line)).find((found) => found) ?? [];
    return value === '' ? undefined : value.replaceAll(/^"(.*)"$/g, '$1');
  };
  const elsewhere = lines.findIndex((line) => /^(Redirect|RewriteRule|ProxyPass|RedirectMatch)\w*\s/i.test(line));
  const [, path = '', first = '1'] = /^(.+):(\d+)$/.exec(where) ?? [];
  return {
    root: directiveOf('DocumentRoot'),
    certificate: directiveOf('SSLCertificateFile'),
    redirect: elsewhere < 0 ? undefined : `${path}:${Number(first) + elsewhere}: ${lines[elsewhere]}`,
  };
}
