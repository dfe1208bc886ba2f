import type { AccountInfo, AccountRequest } from '../ports/issuer.ts';
import { type Answer, readLocation, readObject, readOneOf } from './answer.ts';
import type { Resources } from './directory.ts';
import { createSigner } from './jws.ts';
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

/** newAccount (RFC 8555 §7.3). Updates the contacts (§7.3.2) if the account existed. */
export async function openAccount(
  requests: Requests,
  { newAccount }: Resources,
  request: AccountRequest,
  signal: AbortSignal,
): Promise<AccountInfo> {
  const signer = createSigner(request.keyPem);
  const ask: SignedAsk = { what: 'the account', signal, signer };
  const answer = await requests.change(
    newAccount,
    {
      ...(request.agreeToTerms ? { termsOfServiceAgreed: true } : {}),
      ...(request.contacts.length > 0 ? { contact: request.contacts } : {}),
      ...(request.onlyExisting ? { onlyReturnExisting: true } : {}),
    },
    ask,
  );
  const { url, account } = requests.parse(ask, () => ({
    url: readLocation(answer, 'the account'),
    account: readAccount(answer),
  }));
  const info = { url, status: account.status, contacts: account.contacts ?? [] };

  // 201 means that it is new. A CA that stores no contacts (Let's Encrypt since 2025) lists none and gets no update.
  const outdated = account.contacts !== undefined && !sameSet(account.contacts, request.contacts);
  if (answer.status === 201 || request.onlyExisting || request.contacts.length === 0 || !outdated) return info;
  const contactAsk: SignedAsk = { ...ask, what: 'the account’s new contacts', kid: url };
  const changed = await requests.change(url, { contact: request.contacts }, contactAsk);
  const { contacts } = requests.parse(contactAsk, () => readAccount(changed));
  return { ...info, contacts: contacts ?? [] };
}

const sameSet = (a: readonly string[], b: readonly string[]): boolean =>
  a.length === b.length && a.every((value) => b.includes(value));
