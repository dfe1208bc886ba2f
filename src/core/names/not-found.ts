import { type CertfleetError, fail } from '../errors/errors.ts';
import { didYouMeanName } from '../text/nearest.ts';
import { shellWord } from '../text/shell-word.ts';
import { canonicalAddress, dnsNameProblem } from './identifiers.ts';

/** Returns the error for a certificate that does not exist. Proposes an order only for what a certificate can be for. */
export function lineageNotFound(name: string, known: Iterable<string>): CertfleetError {
  const isIdentifier = canonicalAddress(name) !== undefined || dnsNameProblem(name) === undefined;
  const hint = isIdentifier
    ? undefined
    : '`certfleet status` lists all certificates. To get a new one, declare it in certfleet.yaml.';
  return fail('lineage/not-found', { name, nearest: didYouMeanName(name, known), word: shellWord(name) }, { hint });
}
