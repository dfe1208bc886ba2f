import { shellWord } from '../text/shell-word.ts';
import type { GivenBack } from './lineage.ts';

/** Returns what to do about a certificate whose settings were lost with its document. */
export const adviceWithoutSettings = (name: string, identifiers: readonly string[]): string =>
  `declare it, or run \`certfleet issue --name ${shellWord(name)} -d ${shellWord(identifiers.join(','))}\` with its previous flags`;

/** Returns why such a certificate is not renewed, for `lineage/not-renewed`. */
export const notRenewedWithoutSettings = (
  name: string,
  identifiers: readonly string[],
): { readonly why: string; readonly advice: string } => {
  const advice = adviceWithoutSettings(name, identifiers);
  return {
    why: 'its renewal settings were lost with its document, so it is not renewed',
    advice: `${advice.charAt(0).toUpperCase()}${advice.slice(1)}.`,
  };
};

/** Returns why a certificate that was given back is not renewed, for `lineage/not-renewed`. */
export const notRenewedHere = ({ path }: GivenBack): { readonly why: string; readonly advice: string } => ({
  why: `it was given back to certbot in ${path} by \`import --undo\`, so it is not renewed here`,
  advice: `\`certfleet import certbot ${shellWord(path)} --in-place\` takes it over again.`,
});
