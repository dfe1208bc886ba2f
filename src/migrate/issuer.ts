import { directoryOf, issuerNameOf } from '../config/certificates/issuer-directory.ts';
import type { FoundSettings } from '../core/lineage/found.ts';
import type { Settings } from '../core/spec/spec.ts';
import { present } from '../core/text/present.ts';

/**
 * Returns the issuer for a directory URL, with the other client's account there: a declared issuer, or else a separate
 * one. Returns undefined if the text is not a directory that certfleet can use.
 */
export function issuerFor(
  directory: string,
  account: string | undefined,
  { issuers }: Settings,
): FoundSettings['issuer'] | undefined {
  const known = directoryOf(directory);
  if (!known) return undefined;
  const named = account === undefined ? {} : { account };
  const { directory: url } = known;
  const [name, declared] = Object.entries(issuers).find(([, one]) => one.directory === url) ?? [];
  if (name !== undefined && declared) return { name, settings: { ...declared, ...named, agreeToTerms: true } };
  const { testDirectory, test = false } = known.known ?? {};
  return {
    name: issuerNameOf(directory),
    // The account is already open: its owner agreed to the terms of service, and the CA knows its e-mail addresses.
    settings: {
      directory: url,
      email: [],
      agreeToTerms: true,
      test,
      ...present({ testDirectory }),
      ...named,
    },
  };
}
