import { hasAlso, isEverywhere, isLoopback, parseListenAddress } from '../../core/names/listen-address.ts';
import type { CertificateSpec, PagesSettings } from '../../core/spec/spec.ts';
import { present } from '../../core/text/present.ts';
import type { Building, Path } from './building.ts';
import type { Configuration } from './schema.ts';

interface Beside {
  readonly certificates: readonly CertificateSpec[];
  /** The address of `listen`. */
  readonly listen: string | undefined;
}

/** Returns the settings of the pages, after checks of what does not fit together. */
export function pagesOf(
  { listen, hosts, certificate, keyDownload, changeTargets, oidc, ...rest }: NonNullable<Configuration['pages']>,
  { certificates, listen: health }: Beside,
  { problems }: Building,
): PagesSettings {
  const wrong = (path: Path, message: string) => void problems.push({ path: ['pages', ...path], message });
  const { behindProxy } = rest;
  const isSecure = behindProxy || certificate !== undefined;
  const names = certificates.find(({ name }) => name === certificate)?.identifiers.map(({ value }) => value) ?? [];
  const all = [...new Set([...hosts, ...names.filter((name) => !name.startsWith('*.'))])];
  if (behindProxy && certificate !== undefined)
    wrong(['certificate'], 'leave out `certificate` or `behindProxy`: either HTTPS is served here, or by the proxy');
  for (const [index, address] of listen.entries()) {
    const path = ['listen', index];
    const place = parseListenAddress(address);
    const others = listen.toSpliced(index, 1);
    if (listen.indexOf(address) < index || others.some((other) => other !== address && hasAlso(other, address)))
      wrong(path, `${address} is listed twice; leave one of them out`);
    else if (health !== undefined && (hasAlso(health, address) || hasAlso(address, health)))
      wrong(path, `${address} is the address of \`listen\`, for health checks and metrics; choose another one`);
    if (!place || isLoopback(place)) continue;
    if (!isSecure)
      wrong(
        path,
        `${address} can be reached from other machines, so it needs HTTPS: set \`certificate\` to a certificate of the fleet, or \`behindProxy: true\` if a proxy in front serves HTTPS`,
      );
    else if (isEverywhere(place) && all.length === 0)
      wrong(['hosts'], `name the hosts under which ${address} is opened, like hosts: [certfleet.example.com]`);
  }
  if (behindProxy && listen.every((address) => !parseListenAddress(address)))
    wrong(
      ['listen'],
      'the proxy needs an address, such as 127.0.0.1:8443: a connection to a socket is an administrator’s, without a login',
    );
  if (behindProxy && all.length === 0)
    wrong(['hosts'], 'name the hosts under which the proxy is opened, like hosts: [certfleet.example.com]');
  return { listen, hosts: all, ...rest, ...present({ certificate, keyDownload, changeTargets, oidc }) };
}
