import type { Registry } from '../../config/registry/registry.ts';
import { manualProvider } from '../../config/registry/registry.ts';
import { fail } from '../../core/errors/errors.ts';
import { nearest } from '../../core/text/nearest.ts';
import { present } from '../../core/text/present.ts';
import { type KeyPart, native, optionOfFlag } from '../../migrate/certbot/flag-table.ts';
import { keyTypeOfFlags } from '../../migrate/certbot/key-type.ts';
import { certbotNames, findProvider, lackingPlugins, providerOptions } from '../../migrate/certbot/plugins.ts';
import type { Command } from '../commands/commands.ts';
import type { FlagValue, Invocation } from '../context.ts';
import { listOf } from '../flags/values.ts';
import { shownOf } from './shown-words.ts';

const oneProvider = 'they name two DNS providers, and a certificate has one';
/** One day. A longer wait is a mistake. */
const mostSeconds = 86_400;

/** The translation of certbot's flags. */
export interface Translated {
  /** The command line without certbot's flags. */
  readonly argv: readonly string[];
  /** The flags that replace certbot's, as the parser would return them. */
  readonly flags: Readonly<Record<string, FlagValue>>;
  /** The words after `certfleet`, as a person would type them, without secrets. */
  readonly shown: string;
  /** The first of certbot's flags, for messages. */
  readonly first: string;
}

/**
 * Translates certbot's flags for a DNS plugin: `--dns-NAME`, `--authenticator dns-NAME` or `-a dns-NAME`,
 * `--dns-NAME-credentials FILE`, `--dns-NAME-propagation-seconds N`, and `--dns-NAME-OPTION VALUE`, also with the
 * prefix that older third-party plugins need. Translates `--manual` with `--preferred-challenges dns`, and the flags
 * for the key, too. Leaves unknown flags to the parser. Fails with a `usage/` code.
 */
export async function translate(argv: readonly string[], registry: Registry): Promise<Translated> {
  const rest: string[] = [];
  const given: Given = { chosen: new Map(), options: [] };
  const key: Partial<Record<KeyPart, string>> = {};
  let challenges: string | undefined;
  for (let at = 0; at < argv.length; at++) {
    const word = argv[at]!;
    const [flag, inline] = word.startsWith('--') && word.includes('=') ? cut(word) : [word, undefined];
    const value = (): string => {
      if (inline === undefined) at += 1;
      const text = inline ?? argv[at];
      if (text === undefined || text === '') throw fail('usage/flag-needs', { flag, needed: 'a value' });
      return text;
    };
    const { answer, part, keep } = optionOfFlag(flag) ?? {};
    if (answer === 'manual') given.chosen.set(manualProvider, flag);
    else if (part !== undefined) key[part] = value();
    else if (keep === 'challenges') challenges = value();
    // Of the flags with a fixed name, only `-a` is left.
    else if (native.has(flag)) await chooseByName(given, flag, value(), registry);
    else if (!(await takeDnsFlag(given, flag, value, registry))) rest.push(word);
  }
  // certbot tries HTTP first.
  const isOverDns = /^\s*dns\b/.test(challenges ?? 'http');
  if (given.chosen.has(manualProvider) && !isOverDns)
    throw fail('usage/not-applicable', {
      typed: given.chosen.get(manualProvider)!,
      reason: 'only DNS records can be added by hand',
      advice: 'Add --preferred-challenges dns, or use --http webroot:FOLDER.',
    });
  if (challenges !== undefined && given.chosen.size === 0) rest.push('--preferred-challenges', challenges);
  const { words, ...translated } = withKey(collected(given), key);
  return { argv: rest, ...translated, shown: await shownOf([...rest, ...words], translated.flags, registry) };
}

interface Collected extends Pick<Translated, 'flags' | 'first'> {
  /** The translated flags, as a person would type them. */
  readonly words: readonly string[];
}

function withKey(translated: Collected, key: Readonly<Partial<Record<KeyPart, string>>>): Collected {
  const keyType = keyTypeOfFlags(key);
  if (keyType === undefined) return translated;
  const { first, flags, words } = translated;
  return { first: first || '--key-type', flags: { ...flags, keyType }, words: [...words, '--key-type', keyType] };
}

interface Given {
  /** The flag that chose each provider, by provider. */
  readonly chosen: Map<string, string>;
  readonly options: {
    readonly flag: string;
    readonly provider: string;
    readonly option: string;
    readonly value: string;
  }[];
}

async function chooseByName(given: Given, flag: string, typed: string, registry: Registry): Promise<void> {
  if (typed === 'manual') {
    given.chosen.set(manualProvider, `${flag} manual`);
    return;
  }
  const name = /^(?:[a-z0-9-]+:)?dns-([a-z0-9-]+)$/.exec(typed)?.[1];
  if (name === undefined)
    throw fail('usage/unknown-value', {
      typed: `${flag} ${typed}`,
      known: '--http standalone, --http webroot:FOLDER or --dns PROVIDER',
      nearest: '',
    });
  given.chosen.set(await providerNamed(name, registry), `${flag} ${typed}`);
}

async function takeDnsFlag(given: Given, flag: string, value: () => string, registry: Registry): Promise<boolean> {
  const body = /^--(?:certbot-[a-z0-9-]+:)?dns-([a-z0-9-]+)$/.exec(flag)?.[1];
  if (body === undefined || body === 'option') return false;
  const [, named, suffix] = /^(.+)-(credentials|propagation-seconds)$/.exec(body) ?? [];
  if (named !== undefined && suffix !== undefined) {
    const provider = await providerNamed(named, registry);
    given.options.push({ flag, provider, option: suffix, value: value() });
    return true;
  }
  if (lackingPlugins.has(body) || (await findProvider(body, registry)) !== undefined) {
    given.chosen.set(await providerNamed(body, registry), flag);
    return true;
  }
  const labels = body.split('-');
  for (let length = labels.length - 1; length > 0; length--) {
    const provider = await findProvider(labels.slice(0, length).join('-'), registry);
    if (provider === undefined) continue;
    const options = await providerOptions(provider, registry);
    const typed = labels.slice(length);
    const option = options.find((name) => name.toLowerCase() === typed.join(''));
    if (option === undefined)
      throw fail(
        'usage/unknown-option',
        {
          typed: flag,
          advice: `: the DNS provider ${provider} has no such option${guess(flag, typed.join('-'), [...options.map(inFlag), 'propagation-seconds'])}`,
        },
        { hint: `\`certfleet providers ${provider}\` lists its options.` },
      );
    given.options.push({ flag, provider, option, value: value() });
    return true;
  }
  // `--dns-optoin` is not a provider.
  if (nearest(body, ['option']) !== undefined) return false;
  const meant = guess(flag, body, await providerNames(registry));
  if (meant !== '') throw fail('usage/unknown-option', { typed: flag, advice: meant });
  return false;
}

/** Returns `; did you mean --dns-cloudflare?`, or an empty string: the flag with the nearest known ending. */
function guess(flag: string, end: string, known: readonly string[]): string {
  const near = nearest(end, known);
  return near === undefined ? '' : `; did you mean ${flag.slice(0, -end.length)}${near}?`;
}

/** Writes an option the way certbot's flags do: `api-token`. */
const inFlag = (option: string): string => option.replaceAll(/([a-z0-9])([A-Z])/g, '$1-$2').toLowerCase();

async function providerNamed(name: string, registry: Registry): Promise<string> {
  const provider = await findProvider(name, registry);
  if (provider !== undefined) return provider;
  const near = nearest(name, await providerNames(registry));
  const meant = near === undefined ? '' : `Did you mean "${near}"? `;
  const advice = `${meant}For any other DNS service, \`acmesh\` runs a script of acme.sh, and a solver of type \`command\` runs your own.`;
  throw fail('config/unknown-type', { kind: 'DNS provider', name, advice });
}

async function providerNames(registry: Registry): Promise<readonly string[]> {
  const ids = Object.keys(registry.dns);
  return [...ids, ...(await Promise.all(ids.map((id) => certbotNames(id, registry)))).flat()];
}

function collected({ chosen, options }: Given): Collected {
  const [first, second] = [...chosen];
  if (first && second) throw fail('usage/flags-exclude', { one: first[1], other: second[1], reason: oneProvider });
  const provider = first?.[0] ?? options[0]?.provider;
  const other = options.find((one) => one.provider !== provider);
  if (other)
    throw fail('usage/flags-exclude', {
      one: first?.[1] ?? options[0]!.flag,
      other: other.flag,
      reason: oneProvider,
    });
  const seconds = options.findLast(({ option }) => option === 'propagation-seconds');
  if (seconds && !(/^\d+$/.test(seconds.value) && Number(seconds.value) <= mostSeconds))
    throw fail('usage/invalid-value', {
      typed: `${seconds.flag} ${seconds.value}`,
      form: `a number of seconds, at most ${mostSeconds}`,
    });
  const dnsOption = options
    .filter((one) => one !== seconds && one.option !== 'propagation-seconds')
    .map(({ option, value }) => [option, value] as const);
  const propagation = seconds && `${Number(seconds.value)}s`;
  const dns = first?.[0];
  const implied =
    dns === undefined && provider !== undefined ? { impliedDns: provider, impliedBy: options[0]?.flag ?? '' } : {};
  return {
    first: first?.[1] ?? options[0]?.flag ?? '',
    flags: {
      ...implied,
      ...present({
        dns,
        dnsOption: dnsOption.length === 0 ? undefined : dnsOption.map(([option, value]) => `${option}=${value}`),
        propagation,
      }),
    },
    words: [
      ...(dns === undefined ? [] : ['--dns', dns]),
      ...dnsOption.flatMap(([option, value]) => ['--dns-option', `${option}=${value}`]),
      ...(propagation === undefined ? [] : ['--propagation', propagation]),
    ],
  };
}

const cut = (word: string): readonly [string, string] => {
  const at = word.indexOf('=');
  return [word.slice(0, at), word.slice(at + 1)];
};

/** Adds the translated flags to those that the parser found. Fails with a `usage/` code. */
export function withTranslated(
  { command, invocation }: Parsed,
  { flags, first }: Pick<Translated, 'flags' | 'first'>,
): Parsed['invocation'] {
  if (!['issue', 'renew'].includes(command.name))
    throw fail('usage/unknown-option', { typed: first, advice: '; it is an option of `certfleet issue`' });
  const { dns, dnsOption } = invocation.flags;
  if (dns !== undefined && flags['dns'] !== undefined && dns !== flags['dns'])
    throw fail('usage/flags-exclude', { one: `--dns ${String(dns)}`, other: first, reason: oneProvider });
  const options = [...listOf(dnsOption), ...listOf(flags['dnsOption'])];
  return {
    ...invocation,
    flags: { ...invocation.flags, ...flags, ...present({ dnsOption: options.length === 0 ? undefined : options }) },
  };
}

interface Parsed {
  readonly command: Pick<Command, 'name'>;
  readonly invocation: Invocation;
}

/** Returns a sentence with certfleet's own form of the command. */
export function inOwnWords({ command }: Parsed, { shown }: Pick<Translated, 'shown'>): string {
  if (command.name === 'renew')
    return 'Flags of certbot: `certfleet renew` needs none of them, because the settings are stored with each certificate.';
  return `Flags of certbot. In certfleet’s own words: certfleet ${shown}`;
}
