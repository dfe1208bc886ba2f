import type { AccountInfo, AccountRequest } from '../ports/issuer.ts';
import {
  type Answer,
  MalformedAnswer,
  readLink,
  readLocation,
  readObject,
  readOneOf,
  readUrl,
  readUrls,
} from './answer.ts';
import type { Resources } from './directory.ts';
import { createSigner } from './jws.ts';
import type { Requests, SignedAsk } from './requests.ts';

/** Pages of an orders list that are read before it is called endless: 10,000 orders at Pebble's three a page. */
const mostPages = 3_400;

const readContacts = (value: unknown): readonly string[] | undefined =>
  Array.isArray(value) ? value.filter((contact) => typeof contact === 'string') : undefined;

function readAccount(answer: Answer) {
  const fields = readObject(answer);
  return {
    status: readOneOf(fields['status'], ['valid', 'deactivated', 'revoked'], 'the status of the account'),
    contacts: readContacts(fields['contact']),
    orders: fields['orders'] === undefined ? undefined : readUrl(fields['orders'], 'the orders list', answer),
  };
}

/** newAccount (RFC 8555 §7.3), with the contacts brought up to date (§7.3.2) where the account was there already. */
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

  // 201 was made just now. A CA that keeps no contacts (Let's Encrypt since 2025) lists none and is left alone.
  const outdated = account.contacts !== undefined && !sameSet(account.contacts, request.contacts);
  if (answer.status === 201 || request.onlyExisting || request.contacts.length === 0 || !outdated) return info;
  const contactAsk: SignedAsk = { ...ask, what: 'the account’s new contacts', kid: url };
  const changed = await requests.change(url, { contact: request.contacts }, contactAsk);
  const { contacts } = requests.parse(contactAsk, () => readAccount(changed));
  return { ...info, contacts: contacts ?? [] };
}

const sameSet = (a: readonly string[], b: readonly string[]): boolean =>
  a.length === b.length && a.every((value) => b.includes(value));

/** The account's orders (RFC 8555 §7.1.2.1), page by page; nothing where the CA keeps no such list. */
export async function* listOrders(
  requests: Requests,
  accountUrl: string,
  ask: SignedAsk,
): AsyncGenerator<readonly string[]> {
  const account = await requests.read(accountUrl, ask);
  let page = requests.parse(ask, () => readAccount(account).orders);
  const seen = new Set<string>();
  while (page !== undefined) {
    // A list whose pages go round in circles, or never end, must not hold up the certificate.
    if (seen.has(page) || seen.size >= mostPages) return;
    seen.add(page);
    const answer = await requests.read(page, ask);
    const { urls, next } = requests.parse(ask, () => readOrdersPage(answer));
    yield urls;
    page = next;
  }
}

export function readOrdersPage(answer: Answer): {
  readonly urls: readonly string[];
  readonly next: string | undefined;
} {
  const orders = readObject(answer)['orders'];
  // Go servers write an empty list as null.
  if (orders === undefined) throw new MalformedAnswer('orders is missing');
  const next = readLink(answer.headers['link'], 'next');
  return {
    urls: orders === null ? [] : readUrls(orders, 'orders', answer),
    next: next === undefined ? undefined : readUrl(next, 'the next page', answer),
  };
}
