import { createHash } from 'node:crypto';
import { isFailure } from '../../src/core/errors/errors.ts';
import type { Secret } from '../../src/core/errors/secret.ts';
import type { AccountIssuer, Issuer, Order, OrderRequest, Problem } from '../../src/ports/issuer.ts';
import type { Pki } from '../../src/ports/pki.ts';

/** A CA, and what answers its validators. */
export interface RuleBench {
  readonly issuer: Issuer;
  readonly pki: Pki;
  /** Adds a TXT value. */
  txt(host: string, value: string): Promise<void>;
  /** Waits before an authorization is read again. */
  pause(): Promise<void>;
}

const { signal } = new AbortController();

/** Asks a CA for what it must refuse, and for what it shows. Returns its answers by what they are about. */
export async function tryRules({ issuer, pki, txt, pause }: RuleBench): Promise<Readonly<Record<string, string>>> {
  const said: Record<string, string> = {};
  /** Notes what a request is answered. */
  const note = async (about: string, request: Promise<unknown>) => {
    said[about] = await request.then((answer) => `yes: ${JSON.stringify(answer)}`, refusalOf);
  };
  const open = async (
    keyPem: Secret,
    more: { readonly onlyExisting?: boolean; readonly agreeToTerms?: boolean } = {},
  ) => {
    const { url } = await issuer.openAccount({ keyPem, contacts: [], agreeToTerms: true, ...more }, signal);
    return issuer.as({ keyPem, url });
  };
  const order = (account: AccountIssuer, names: readonly string[], more: Partial<OrderRequest> = {}) =>
    account.newOrder({ identifiers: names.map((value) => ({ type: 'dns', value })), ...more }, signal);
  const validate = async (account: AccountIssuer, made: Order, isAnswered = true): Promise<Order> => {
    for (const url of made.authorizationUrls) {
      let { status, identifier, challenges } = await account.authorization(url, signal);
      const { token, url: challengeUrl } = challenges.find(({ type }) => type === 'dns-01')!;
      if (status !== 'pending') continue;
      const value = createHash('sha256').update(`${token}.${account.thumbprint}`).digest('base64url');
      if (isAnswered) await txt(`_acme-challenge.${identifier.value}.`, value);
      await account.accept(challengeUrl, signal);
      for (; status === 'pending'; { status } = await account.authorization(url, signal)) await pause();
    }
    return account.order(made.url, signal);
  };
  const issue = async (account: AccountIssuer, names: readonly string[], more: Partial<OrderRequest> = {}) => {
    const key = await pki.newKey();
    const ready = await validate(account, await order(account, names, more));
    const done = await account.finalize(ready, await pki.csr(key, ready.identifiers), signal);
    const { chainPem } = await account.download(done, signal);
    return { key, order: done, chainPem, facts: pki.readChain(chainPem).facts };
  };

  // Accounts.
  const accountKey = await pki.newAccountKey();
  const account = await open(accountKey);
  const other = await open(await pki.newAccountKey());
  await note('an account that does not exist', open(await pki.newAccountKey(), { onlyExisting: true }));
  await note('an account without terms', open(await pki.newAccountKey(), { agreeToTerms: false }));
  said['an account again'] = String((await open(accountKey)).accountUrl === account.accountUrl);
  const strange = issuer.as({ keyPem: accountKey, url: account.accountUrl.replace(/\d+$/, '999999') });
  await note('an order of no account', order(strange, ['a.kit.net']));
  const forged = issuer.as({ keyPem: await pki.newAccountKey(), url: account.accountUrl });
  await note('an order with another key', order(forged, ['a.kit.net']));

  // Orders.
  await note('an order of nothing', order(account, []));
  await note('an order with dates', order(account, ['a.kit.net'], { notAfter: '2030-01-01T00:00:00Z' }));
  await note('an unknown profile', order(account, ['a.kit.net'], { profile: 'other' }));
  await note('a wildcard and what it covers', order(account, ['*.kit.net', 'a.kit.net']));
  const many = Array.from({ length: 26 }, (_, n) => `n${n}.kit.net`);
  await note('too many names', order(account, many, { profile: 'tlsserver' }));
  await note('an address', account.newOrder({ identifiers: [{ type: 'ip', value: '64.112.117.122' }] }, signal));
  await note(
    'an order that does not exist',
    account.order(`${account.accountUrl.replace('/acct/', '/order/')}/999999`, signal),
  );
  const first = await order(account, ['b.kit.net', 'a.kit.net']);
  said['the names of an order'] = first.identifiers.map(({ value }) => value).join(' ');
  said['the same order'] = String((await order(account, ['a.kit.net', 'b.kit.net'])).url === first.url);
  said['another profile'] = String(
    (await order(account, ['a.kit.net', 'b.kit.net'], { profile: 'tlsserver' })).url === first.url,
  );
  await note(
    'a finalize too early',
    account.finalize(first, await pki.csr(await pki.newKey(), first.identifiers), signal),
  );
  said['the challenges'] = await challengesOf(account, first);
  const ready = await validate(account, first);
  said['an order that is validated'] = ready.status;
  said['the challenges afterwards'] = await challengesOf(account, ready);
  await note(
    'a challenge again',
    account.accept((await account.authorization(ready.authorizationUrls[0]!, signal)).challenges[0]!.url, signal),
  );
  await note(
    'a CSR for other names',
    account.finalize(ready, await pki.csr(await pki.newKey(), [{ type: 'dns', value: 'x.kit.net' }]), signal),
  );
  await note(
    'a CSR with the account’s key',
    account.finalize(ready, await pki.csr(accountKey, ready.identifiers), signal),
  );
  said['the order after refusals'] = (await account.order(ready.url, signal)).status;
  const csr = await pki.csr(await pki.newKey(), ready.identifiers);
  said['finalize'] = (await account.finalize(ready, csr, signal)).status;
  await note('finalize again', account.finalize(ready, csr, signal));
  const failed = await validate(account, await order(account, ['bad.kit.net']), false);
  said['an order whose validation failed'] = `${failed.status} ${failed.error}`;
  said['its challenges'] = await challengesOf(account, failed);
  said['the reused authorizations'] = (await order(account, ['a.kit.net', 'c.kit.net'])).status;
  said['a reused order'] = (await order(account, ['a.kit.net'])).status;
  said['an order with an authorization of another profile'] = (
    await order(account, ['a.kit.net'], { profile: 'classic' })
  ).status;
  const given = await order(account, ['d.kit.net']);
  await account.deactivateAuthorization(given.authorizationUrls[0]!, signal);
  said['an order after its authorization'] = (await account.order(given.url, signal)).status;
  await note('an authorization of another account', other.authorization(given.authorizationUrls[0]!, signal));
  await note('an order of another account', other.order(given.url, signal));

  // Certificates.
  for (const profile of ['classic', 'tlsserver', 'shortlived']) {
    const { facts } = await issue(account, [`${profile}.kit.net`], { profile });
    const { start, end } = (await issuer.renewalInfo(facts.ariId!, signal))!;
    const [from, to] = [Date.parse(facts.notBefore), Date.parse(facts.notAfter)];
    // Thirds of an hour from notBefore: what differs by the seconds that a CA takes is no difference.
    const thirds = [to, Date.parse(start), Date.parse(end)].map((at) => Math.round((at - from) / 1_200_000));
    said[`a certificate of ${profile}`] = thirds.join(' ');
  }
  await note(
    'renewal information of no certificate',
    issuer.renewalInfo('aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE', signal),
  );
  const old = await issue(account, ['old.kit.net', 'older.kit.net']);
  const replaces = old.facts.ariId!;
  await note('replaces of another account', order(other, ['old.kit.net'], { replaces }));
  await note('replaces without a name in common', order(account, ['new.kit.net'], { replaces }));
  await note(
    'replaces of an unknown certificate',
    order(account, ['old.kit.net'], { replaces: `${replaces.slice(0, -4)}AAAA` }),
  );
  await note(
    'replaces of another CA',
    order(account, ['old.kit.net'], { replaces: 'aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE' }),
  );
  const replacing = await order(account, ['old.kit.net'], { replaces });
  await note('replaces while an order is open', order(account, ['older.kit.net'], { replaces }));
  said['the open order without replaces'] = String((await order(account, ['old.kit.net'])).url === replacing.url);
  await account.deactivateAuthorization(replacing.authorizationUrls[0]!, signal);
  said['replaces after the order died'] = (await order(account, ['older.kit.net', 'old.kit.net'], { replaces })).status;
  await issue(account, ['old.kit.net', 'older.kit.net']);
  await note('replaces of what is replaced', order(account, ['old.kit.net'], { replaces }));

  // Revocation.
  const { chainPem: certificatePem, key } = await issue(account, ['gone.kit.net']);
  await note('a revocation by another account', other.revoke({ certificatePem }, signal));
  await note('a revocation by another key', issuer.revokeWithKey(await pki.newKey(), { certificatePem }, signal));
  await note('a revocation with a reason that is not allowed', account.revoke({ certificatePem, reason: 2 }, signal));
  await note('a revocation', account.revoke({ certificatePem, reason: 4 }, signal));
  await note('a revocation again', account.revoke({ certificatePem, reason: 4 }, signal));
  await note('a revocation of what was issued again', issuer.revokeWithKey(key, { certificatePem }, signal));

  // The end of the account.
  await note('contacts', account.updateContacts(['mailto:a@kit.net'], signal));
  await note('the same key', account.rollover(accountKey, signal));
  const next = await pki.newAccountKey();
  await account.rollover(next, signal);
  await note('the key before', order(account, ['a.kit.net']));
  await note('a key of another account', other.rollover(next, signal));
  const rolled = issuer.as({ keyPem: next, url: account.accountUrl });
  await rolled.deactivate(signal);
  await note('an order of a deactivated account', order(rolled, ['a.kit.net']));
  await note('a deactivated account', open(next));
  return said;
}

async function challengesOf(account: AccountIssuer, { authorizationUrls }: Order): Promise<string> {
  const { challenges } = await account.authorization(authorizationUrls[0]!, signal);
  // The kit offers what Let's Encrypt has only in its staging environment.
  return challenges
    .filter(({ type }) => type !== 'dns-persist-01')
    .map(({ type, status }) => `${type} ${status}`)
    .sort()
    .join(', ');
}

/** Returns a refusal without what two CAs cannot have in common: numbers, serials and URLs. */
function refusalOf(error: unknown): string {
  if (!isFailure(error)) throw error;
  const { type, status, detail } = (error.problem ?? {}) as Partial<Problem>;
  const words = (detail ?? '')
    .replace(/https?:\/\/[^\s"]*/g, 'URL')
    .replace(/"[0-9a-f]{20,}"/g, '"SERIAL"')
    .replace(/\b\d+\b/g, 'N');
  return [error.code, status, type?.split(':').at(-1), words].filter((part) => part !== undefined).join(' ');
}
