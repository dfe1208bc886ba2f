import { fail } from '../../../src/core/errors/errors.ts';
import type { AccountIssuer, Issuer } from '../../../src/ports/issuer.ts';
import { readRequest } from './ca-model/fake-pem.ts';
import type { Checks } from './checks.ts';
import type { Gate } from './gate.ts';
import type { Process } from './process.ts';

const ms = [20, 300] as const;

/** The CA, as one process reaches it. */
export function issuerOf(ca: Issuer, process: Process, gate: Gate, checks: Checks): Issuer {
  const never = new AbortController().signal;
  const lost = () => fail('acme/unreachable', { issuer: ca.name, what: 'the request', reason: 'the answer was lost' });
  const failure = () =>
    fail('acme/unreachable', { issuer: ca.name, what: 'the request', reason: 'the connection was cut' });
  const call = <T>(what: string, about: string, signal: AbortSignal, effect: () => Promise<T>): Promise<T> =>
    gate({ name: `ca.${what}`, about, signal, ms, effect, failure, lost });
  const accountOf = (account: AccountIssuer): AccountIssuer => ({
    accountUrl: account.accountUrl,
    thumbprint: account.thumbprint,
    newOrder(request, signal) {
      checks.orders(process, ca.directoryUrl, request);
      const about = request.identifiers.map(({ value }) => value).join(' ');
      return call('newOrder', about, signal, () => account.newOrder(request, never));
    },
    order: (url, signal) =>
      call('order', url, signal, () => {
        checks.looksAt(process, url);
        return account.order(url, never);
      }),
    authorization: (url, signal) => call('authorization', url, signal, () => account.authorization(url, never)),
    accept(url, signal) {
      checks.accepts(process);
      return call('accept', url, signal, () => account.accept(url, never));
    },
    finalize(order, csr, signal) {
      const { publicKey } = readRequest(csr);
      checks.finalizes(process, publicKey);
      return call('finalize', order.url, signal, async () => {
        checks.finalizing(process, order, publicKey);
        const answer = await account.finalize(order, csr, never);
        checks.finalized(process, order, publicKey);
        return answer;
      });
    },
    download: (order, signal) => call('download', order.url, signal, () => account.download(order, never)),
    downloadAlternate: (url, signal) => call('download', url, signal, () => account.downloadAlternate(url, never)),
    revoke: (request, signal) => call('revoke', '', signal, () => account.revoke(request, never)),
    deactivateAuthorization: (url, signal) =>
      call('deactivate', url, signal, () => account.deactivateAuthorization(url, never)),
    updateContacts: (contacts, signal) => call('contacts', '', signal, () => account.updateContacts(contacts, never)),
    rollover: (key, signal) => call('rollover', '', signal, () => account.rollover(key, never)),
    deactivate: (signal) => call('deactivate', '', signal, () => account.deactivate(never)),
  });
  return {
    name: ca.name,
    directoryUrl: ca.directoryUrl,
    directory: (signal) => call('directory', '', signal, () => ca.directory(never)),
    openAccount: (request, signal) => call('openAccount', '', signal, () => ca.openAccount(request, never)),
    as: (account) => accountOf(ca.as(account)),
    revokeWithKey: (key, request, signal) => call('revoke', '', signal, () => ca.revokeWithKey(key, request, never)),
    renewalInfo: (ariId, signal) =>
      call('renewalInfo', ariId, signal, async () => {
        const answer = await ca.renewalInfo(ariId, never);
        if (answer) checks.asked(ariId, answer.retryAfterMs);
        return answer;
      }),
  };
}
