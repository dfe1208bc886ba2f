import { readBinding, readInside, type Signed, thumbprintOf } from './jws.ts';
import { refuse } from './problem.ts';
import { type Call, callerOf, json, type Route } from './route.ts';
import type { Account, CaResponse, Settings, State } from './state.ts';

/** RFC 8555 §7.3: accounts are opened, changed, get another key, and are closed. */
export function createAccountRoutes({
  state,
  settings,
}: {
  readonly state: State;
  readonly settings: Settings;
}): readonly Route[] {
  const accountJson = (account: Account, base: string) => ({
    status: account.status,
    ...(settings.keepsContacts ? { contact: account.contacts } : {}),
    orders: `${base}/orders/${account.id}`,
  });

  const newAccount = ({ request: { base }, signed }: Call): CaResponse => {
    const payload = (signed?.payload ?? {}) as {
      contact?: string[];
      termsOfServiceAgreed?: boolean;
      onlyReturnExisting?: boolean;
      externalAccountBinding?: object;
    };
    if (!signed || signed.account) throw refuse(400, 'malformed', 'newAccount is signed with the key itself');
    const found = [...state.accounts.values()].find((a) => a.thumbprint === signed.thumbprint);
    if (found?.status === 'deactivated') throw refuse(403, 'unauthorized', 'the account is deactivated');
    if (settings.externalAccountsFirst && !payload.onlyReturnExisting)
      externalAccountOf(payload.externalAccountBinding, signed, `${base}/new-account`);
    if (found) return json(200, accountJson(found, base), { location: `${base}/account/${found.id}` });
    if (payload.onlyReturnExisting) throw refuse(400, 'accountDoesNotExist', 'no account has this key');
    if (payload.termsOfServiceAgreed !== true) throw refuse(403, 'userActionRequired', 'agree to the terms of service');
    const contacts = checkContacts(payload.contact ?? []);
    const bound = externalAccountOf(payload.externalAccountBinding, signed, `${base}/new-account`);
    const id = String(1000 + state.accounts.size);
    const { jwk, thumbprint } = signed;
    const account: Account = { id, jwk, thumbprint, status: 'valid', contacts, ...bound };
    state.accounts.set(id, account);
    return json(201, accountJson(account, base), { location: `${base}/account/${id}` });
  };

  const externalAccountOf = (binding: object | undefined, { jwk }: Signed, url: string): Partial<Account> => {
    const keys = settings.externalAccounts;
    if (keys === undefined) return {};
    if (binding === undefined) throw refuse(400, 'externalAccountRequired', 'only customers may open accounts');
    const externalAccount = readBinding(binding, { jwk, url, keys });
    if ([...state.accounts.values()].some((one) => one.externalAccount === externalAccount))
      throw refuse(400, 'malformed', 'the key id has been used for another account');
    return { externalAccount };
  };

  const keyChange = (call: Call): CaResponse => {
    const caller = callerOf(call);
    const { base } = call.request;
    const inside = readInside(call.signed?.payload, `${base}/key-change`, settings.algorithms);
    const { account: url, oldKey } = inside.payload as { account?: string; oldKey?: Account['jwk'] };
    if (url !== `${base}/account/${caller.id}`) throw refuse(400, 'malformed', 'the key change is for another account');
    if (oldKey === undefined || thumbprintOf(oldKey) !== caller.thumbprint)
      throw refuse(400, 'malformed', 'the old key is another one');
    const thumbprint = thumbprintOf(inside.jwk);
    const holder = [...state.accounts.values()].find((one) => one.thumbprint === thumbprint);
    if (holder) throw refuse(409, 'malformed', 'an account has this key already');
    Object.assign(caller, { jwk: inside.jwk, thumbprint });
    return json(200, accountJson(caller, base));
  };

  const account = (call: Call): CaResponse => {
    const caller = callerOf(call);
    if (caller.id !== call.id) throw refuse(403, 'unauthorized', 'another account');
    const payload = (call.signed?.payload ?? {}) as { contact?: string[]; status?: string };
    if (payload.contact) caller.contacts = checkContacts(payload.contact);
    if (payload.status === 'deactivated') caller.status = 'deactivated';
    return json(200, accountJson(caller, call.request.base));
  };

  const methods = ['POST'];
  return [
    { kind: 'newAccount', prefix: '/new-account', methods, handle: newAccount },
    { kind: 'account', prefix: '/account/', methods, handle: account },
    { kind: 'keyChange', prefix: '/key-change', methods, handle: keyChange },
  ];
}

function checkContacts(contacts: readonly string[]): readonly string[] {
  const wrong = contacts.find((contact) => !contact.startsWith('mailto:'));
  if (wrong !== undefined) throw refuse(400, 'unsupportedContact', `${wrong} is no mailto: URL`);
  const invalid = contacts.find((contact) => !/^mailto:[^@\s,]+@[^@\s,]+$/.test(contact));
  if (invalid !== undefined) throw refuse(400, 'invalidContact', `${invalid} is no address`);
  return contacts;
}
