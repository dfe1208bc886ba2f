import { coversName } from '../../core/names/covers-name.ts';
import { shortList } from '../../core/text/short-list.ts';

// Decides which certificate an HTTPS listener should serve for which name, and what has to change. Pure.

/** The certificates of an HTTPS listener, by ID. */
export interface Binding {
  readonly default: string | undefined;
  readonly extensions: readonly Extension[];
}

/** A domain extension: a certificate for one name or for a wildcard such as `*.example.com`. */
export interface Extension {
  readonly id: string;
  readonly domain: string;
  readonly certificate: string;
}

export interface WantedBinding {
  readonly certificate: string;
  /** All names in the certificate. */
  readonly covers: readonly string[];
  /** The names for which the listener should serve the certificate. */
  readonly serves: readonly string[];
  readonly mode: 'auto' | 'default' | 'extensions';
  /** The names in the default certificate; undefined if unknown. */
  readonly defaultCovers: readonly string[] | undefined;
  /** Whether the default certificate is an older version of the same lineage. */
  readonly defaultIsOlder: boolean;
}

export type Step =
  | { readonly kind: 'default' }
  | { readonly kind: 'set'; readonly extension: Extension }
  | { readonly kind: 'create'; readonly domain: string };

/** The necessary steps, or the reason why there must be none. */
export type BindingPlan = { readonly steps: readonly Step[] } | { readonly refused: string };

/** Returns the extension that applies to a name: the name's own, or else the longest wildcard that matches. */
const extensionFor = (extensions: readonly Extension[], name: string): Extension | undefined =>
  extensions.find(({ domain }) => domain === name) ??
  extensions
    .filter(({ domain }) => domain.startsWith('*.') && name.endsWith(domain.slice(1)))
    .sort((a, b) => b.domain.length - a.domain.length)[0];

/** Returns the ID of the certificate that clients get for a name. */
export const servedFor = (binding: Binding, name: string): string | undefined =>
  extensionFor(binding.extensions, name)?.certificate ?? binding.default;

/**
 * Plans the changes to a listener:
 *
 * - A name with its own extension gets the certificate there.
 * - For the other names, the certificate becomes the default one if it covers all names that the present default one
 *   covers: clients of further names must not get a wrong certificate. A default certificate that is an older version
 *   is replaced, too.
 * - Otherwise, each of the other names gets an extension.
 */
export function planBinding(binding: Binding, wanted: WantedBinding): BindingPlan {
  const { certificate, covers, serves, mode } = wanted;
  const set = binding.extensions.filter(
    ({ domain, certificate: there }) => serves.includes(domain) && there !== certificate,
  );
  const others = serves.filter((name) => !binding.extensions.some(({ domain }) => domain === name));
  // An extension for a wildcard applies to these names, so the default certificate does not matter.
  const below = others.filter((name) => extensionFor(binding.extensions, name) !== undefined);
  const byDefault = others.filter((name) => !below.includes(name));
  const create = below.filter((name) => servedFor(binding, name) !== certificate);

  const needsDefault = binding.default !== certificate && (byDefault.length > 0 || wanted.defaultIsOlder);
  const lost = wanted.defaultCovers?.filter((name) => !coversName(covers, name));
  const mayReplace = wanted.defaultCovers === undefined ? wanted.defaultIsOlder : lost!.length === 0;
  const asDefault = needsDefault && mayReplace && mode !== 'extensions';
  if (needsDefault && !asDefault) {
    if (mode === 'default' && byDefault.length > 0) return { refused: whyNotDefault(mode, lost) };
    create.push(...byDefault);
  }
  const address = create.find(isAddress);
  if (address !== undefined)
    return { refused: `${address} can be served by the default certificate only, and ${whyNotDefault(mode, lost)}` };
  return {
    steps: [
      ...set.map((extension) => ({ kind: 'set', extension }) as const),
      ...create.map((domain) => ({ kind: 'create', domain }) as const),
      ...(asDefault ? [{ kind: 'default' } as const] : []),
    ],
  };
}

const isAddress = (name: string): boolean => /^[\d.]+$|:/.test(name);

function whyNotDefault(mode: WantedBinding['mode'], lost: readonly string[] | undefined): string {
  if (mode === 'extensions') return 'this deployer makes domain extensions only';
  if (lost === undefined) return 'the API does not say which names the default certificate of the listener is for';
  return `the default certificate of the listener is also for ${shortList(lost)}, which this one does not cover`;
}
