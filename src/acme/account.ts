import { adviceOnEabKey } from '../core/ca/eab-key.ts';
import { adviceFor, shortType } from '../core/ca/problem-advice.ts';
import { type CertfleetError, fail } from '../core/errors/errors.ts';
import { present } from '../core/text/present.ts';
import type { AccountInfo, AccountRequest, ExternalAccount } from '../ports/issuer.ts';
import { type Answer, readLocation, readObject, readOneOf } from './answer.ts';
import type { Resources } from './directory.ts';
import { bindAccount, createSigner } from './jws.ts';
import { describeProblem, problemOf } from './problem.ts';
import type { Requests, SignedAsk } from './requests.ts';

const readContacts = (value: unknown): readonly string[] | undefined =>
  Array.isArray(value) ? value.filter((contact) => typeof contact === 'string') : undefined;

function readAccount(answer: Answer) {
  const fields = readObject(answer);
  return {
    status: readOneOf(fields['status'], ['valid', 'deactivated', 'revoked'], 'the status of the account'),
    contacts: readContacts(fields['contact']),
  };
}

/** Opens or finds an account with newAccount (RFC 8555 §7.3). Updates the contacts (§7.3.2) of an existing account. */
export async function openAccount(
  requests: Requests,
  { newAccount }: Resources,
  request: AccountRequest,
  signal: AbortSignal,
): Promise<AccountInfo> {
  const signer = createSigner(request.keyPem);
  const { externalAccount } = request;
  const ask: SignedAsk = {
    ...{ what: 'the account', signal, signer },
    refusal: (answer) => refusedForBinding(requests.name, externalAccount, answer),
  };
  const answer = await requests.change(
    newAccount,
    present({
      termsOfServiceAgreed: request.agreeToTerms || undefined,
      contact: request.contacts.length > 0 ? request.contacts : undefined,
      onlyReturnExisting: request.onlyExisting || undefined,
      externalAccountBinding: externalAccount && bindAccount(signer, externalAccount, newAccount),
    }),
    ask,
  );
  const { url, account } = requests.parse(ask, () => ({
    url: readLocation(answer, 'the account'),
    account: readAccount(answer),
  }));
  const info = { url, status: account.status, contacts: account.contacts ?? [] };

  // 201 means a new account. A CA that stores no contacts (Let's Encrypt since 2025) lists none and gets no update.
  const outdated = account.contacts !== undefined && !sameSet(account.contacts, request.contacts);
  if (answer.status === 201 || request.onlyExisting || request.contacts.length === 0 || !outdated) return info;
  const about = { what: 'the account’s new contacts', signal, signer, kid: url };
  return { ...info, contacts: await updateContacts(requests, url, request.contacts, about) };
}

/** Replaces the contacts (RFC 8555 §7.3.2). */
export async function updateContacts(
  requests: Requests,
  url: string,
  contacts: readonly string[],
  ask: SignedAsk,
): Promise<readonly string[]> {
  const answer = await requests.change(url, { contact: contacts }, ask);
  return requests.parse(ask, () => readAccount(answer)).contacts ?? [];
}

/** Deactivates an account (RFC 8555 §7.3.6). */
export async function deactivateAccount(requests: Requests, url: string, ask: SignedAsk): Promise<void> {
  await requests.change(url, { status: 'deactivated' }, ask);
}

const sameSet = (a: readonly string[], b: readonly string[]): boolean =>
  a.length === b.length && a.every((value) => b.includes(value));

/** The problem types that CAs use for a wrong key ID, a wrong signature, and a key that was already used. */
const bindingTypes: readonly string[] = ['unauthorized', 'malformed', 'externalAccountRequired'];

/** Returns the error if the CA refused an account because of its external account binding, or because it has none. */
function refusedForBinding(
  issuer: string,
  given: ExternalAccount | undefined,
  answer: Answer,
): CertfleetError | undefined {
  const problem = problemOf(answer);
  const type = problem && shortType(problem.type);
  if (problem === undefined || type === undefined || answer.status >= 500 || answer.status === 429) return undefined;
  if (given && bindingTypes.includes(type)) {
    const detail = describeProblem(problem);
    const params = { issuer, kid: given.kid, detail, advice: adviceOnEabKey(given.hmacKey) };
    return fail('acme/external-account-refused', params, { problem });
  }
  if (type !== 'externalAccountRequired') return undefined;
  return fail('acme/external-account-required', { issuer, advice: adviceFor(type) }, { problem });
}
