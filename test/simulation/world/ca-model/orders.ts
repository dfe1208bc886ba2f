import type { Order, OrderRequest } from '../../../../src/ports/issuer.ts';
import { newAuthorization, reusable, wholeSeconds } from './authorizations.ts';
import { limited, pausedFor, refuse, rejected } from './refusal.ts';
import { certificateOf, windowOf } from './renewal-info.ts';
import {
  type Account,
  type Ca,
  forgetOld,
  type Identifier,
  newUrl,
  normalized,
  profileOf,
  type StoredCertificate,
  type StoredOrder,
  setKey,
  statusOf,
} from './state.ts';

/** newOrder (RFC 8555 §7.4), with Boulder's checks in Boulder's order: what is refused first costs nothing. */

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
/** Boulder calls an order a renewal if the same exact set was issued so recently. */
const renewalMs = 120 * dayMs;

/** How the CA judged an order, for the log. */
export interface Judged {
  isRenewal?: boolean;
  isExempt?: boolean;
  isReused?: boolean;
}

export function newOrder(ca: Ca, account: Account, request: OrderRequest, judged: Judged): StoredOrder {
  forgetOld(ca);
  const { profile = '', replaces } = request;
  if (request.identifiers.length === 0)
    throw refuse(400, 'malformed', 'NewOrder request did not specify any identifiers');
  if (request.notBefore !== undefined || request.notAfter !== undefined)
    throw refuse(400, 'malformed', 'NotBefore and NotAfter are not supported');
  const identifiers = normalized(request.identifiers);
  const names = identifiers.map(({ value }) => value);
  const paused = ca.limits.paused(account.id, names);
  if (paused.length > 0) throw pausedFor(paused, ca.origin);

  const replaced = replaces === undefined ? undefined : replacedBy(ca, account, identifiers, replaces);
  judged.isExempt = replaced !== undefined && isInWindow(ca, replaced);
  judged.isRenewal = isRenewal(ca, identifiers);
  checkProfileName(ca, profile);

  const limitedOrder = { accountId: account.id, identifiers, isRenewal: judged.isRenewal };
  const exhausted = judged.isExempt ? undefined : ca.limits.order(limitedOrder);
  if (exhausted) throw limited(exhausted, { ms: ca.nowMs(), chance: ca.random() });
  try {
    checkPolicy(ca, identifiers, profile);
  } catch (error) {
    if (!judged.isExempt) ca.limits.refund(limitedOrder);
    throw error;
  }
  const open = openOrder(ca, account, identifiers, profile);
  judged.isReused = open !== undefined;
  return open ?? create(ca, account, { identifiers, profile, replaced });
}

/** Returns the certificate that an order replaces (RFC 9773 §5), or refuses. */
function replacedBy(ca: Ca, account: Account, identifiers: readonly Identifier[], ariId: string): StoredCertificate {
  const certificate = certificateOf(
    ca,
    ariId,
    "Could not validate ARI 'replaces' field",
    (serial) =>
      `Could not validate ARI 'replaces' field :: request included \`replaces\` field, but no current certificate with serial "${serial}" exists`,
  );
  if (isReplaced(ca, certificate))
    throw refuse(
      409,
      'alreadyReplaced',
      `Could not validate ARI 'replaces' field :: cannot indicate an order replaces certificate with serial "${certificate.serial}", which already has a replacement order`,
    );
  if (certificate.account !== account)
    throw refuse(
      403,
      'unauthorized',
      "Could not validate ARI 'replaces' field :: requester account did not request the certificate being replaced by this order",
    );
  const has = new Set(certificate.identifiers.map(({ value }) => value));
  if (!identifiers.some(({ value }) => has.has(value)))
    throw refuse(
      400,
      'malformed',
      "Could not validate ARI 'replaces' field :: identifiers in this order do not match any identifiers in the certificate being replaced",
    );
  return certificate;
}

/** An order that names it in `replaces` is open, or got a certificate. One that died frees it. */
export function isReplaced(ca: Ca, { replacement }: StoredCertificate): boolean {
  if (!replacement) return false;
  return replacement.certificate !== undefined || statusOf(ca, replacement) !== 'invalid';
}

/** Only inside its window does `replaces` exempt an order from the limits. */
function isInWindow(ca: Ca, certificate: StoredCertificate): boolean {
  const { startMs, endMs } = windowOf(ca, certificate);
  return ca.nowMs() >= startMs && ca.nowMs() < endMs;
}

export function isRenewal({ state, nowMs }: Ca, identifiers: readonly Identifier[]): boolean {
  const lastMs = state.issuedSets.get(setKey(identifiers));
  return lastMs !== undefined && lastMs > nowMs() - renewalMs;
}

export function checkProfileName({ settings, switches }: Ca, profile: string): void {
  if (profile === '') return;
  if (!Object.hasOwn(settings.profiles, profile) || switches.withdrawn.has(profile))
    throw refuse(400, 'invalidProfile', `profile name "${profile}" not recognized`);
}

/** What Boulder checks after the limits, and gives the token back for. */
function checkPolicy(ca: Ca, identifiers: readonly Identifier[], profile: string): void {
  const { mostNames, types } = profileOf(ca, profile)!;
  const about = 'Error creating new order ::';
  if (identifiers.length > mostNames)
    throw refuse(400, 'malformed', `${about} Order cannot contain more than ${mostNames} identifiers`);
  const other = identifiers.find(({ type }) => !types.includes(type));
  if (other) {
    const name = profile === '' ? 'Default profile' : `Profile "${profile}"`;
    const kind = other.type === 'ip' ? 'IP address' : 'DNS';
    throw refuse(
      400,
      'rejectedIdentifier',
      `${about} ${name} does not permit ${kind} identifiers. See available profiles at https://letsencrypt.org/docs/profiles/.`,
    );
  }
  const forbidden = identifiers.find((identifier) => ca.settings.refuses(identifier));
  if (forbidden) throw rejected(forbidden);
  const all = new Set(identifiers.map(({ value }) => value));
  const covered = identifiers.find(({ value }) => !value.startsWith('*') && all.has(value.replace(/^[^.]*/, '*')));
  if (covered)
    throw refuse(
      400,
      'malformed',
      `${about} Domain name "${covered.value}" is redundant with a wildcard domain in the same request. Remove one or the other from the certificate request.`,
    );
}

/**
 * Returns the order that newOrder returns again. Boulder looks at the one that expires first, over all accounts, and
 * gives up if that one is another's, for another profile, or dead.
 */
function openOrder(
  ca: Ca,
  account: Account,
  identifiers: readonly Identifier[],
  profile: string,
): StoredOrder | undefined {
  const { openOrders } = ca.state;
  const set = setKey(identifiers);
  const listed = openOrders.get(set)?.filter((one) => one.expiresMs > ca.nowMs() && one.certificate === undefined);
  if (!listed || listed.length === 0) {
    openOrders.delete(set);
    return undefined;
  }
  openOrders.set(set, listed);
  const first = listed.reduce((a, b) => (b.expiresMs < a.expiresMs ? b : a));
  const isOpen = ['pending', 'ready'].includes(statusOf(ca, first));
  return first.account === account && first.profile === profile && isOpen ? first : undefined;
}

function create(
  ca: Ca,
  account: Account,
  {
    identifiers,
    profile,
    replaced,
  }: {
    readonly identifiers: readonly Identifier[];
    readonly profile: string;
    readonly replaced: StoredCertificate | undefined;
  },
): StoredOrder {
  const { orderMs } = profileOf(ca, profile)!;
  const now = ca.nowMs();
  // An authorization that ends soon would take the order with it.
  const cutoffMs = now + Math.min(Math.max(orderMs / 8, hourMs), dayMs);
  const authorizations = identifiers.map((identifier) => {
    const wanted = { account, profile, identifier };
    return reusable(ca, wanted, cutoffMs) ?? newAuthorization(ca, wanted);
  });
  const expiresMs = Math.min(now + orderMs, ...authorizations.map((one) => one.expiresMs));
  const url = newUrl(ca, 'order', account);
  const order: StoredOrder = {
    ...{ url, account, identifiers, profile, authorizations },
    finalizeUrl: url.replace('/order/', '/finalize/'),
    set: setKey(identifiers),
    replaces: replaced,
    expiresMs: wholeSeconds(expiresMs),
    isProcessing: false,
    error: undefined,
    certificate: undefined,
  };
  const { orders, finalizes, openOrders } = ca.state;
  orders.set(order.url, order);
  finalizes.set(order.finalizeUrl, order);
  openOrders.set(order.set, [...(openOrders.get(order.set) ?? []), order]);
  if (replaced) replaced.replacement = order;
  return order;
}

export function orderOf(ca: Ca, account: Account, url: string): StoredOrder {
  const order = ca.state.orders.get(url);
  if (order?.account !== account)
    throw refuse(
      404,
      'malformed',
      order ? `No order found for account ID ${account.id}` : `No order for ID ${url.slice(url.lastIndexOf('/') + 1)}`,
    );
  return order;
}

export function shownOrder(ca: Ca, order: StoredOrder): Order {
  const status = statusOf(ca, order);
  return {
    url: order.url,
    status,
    identifiers: order.identifiers,
    finalizeUrl: order.finalizeUrl,
    authorizationUrls: order.authorizations.map(({ url }) => url),
    certificateUrl: status === 'valid' ? order.certificate?.url : undefined,
    expires: new Date(order.expiresMs).toISOString(),
    // After a failed validation, only the authorization says why.
    error: order.error,
    retryAfterMs: status === 'processing' ? 3_000 : undefined,
  };
}
