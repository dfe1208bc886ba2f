import { challengePath, healthCheckPath } from '../../core/ca/challenge-path.ts';
import { fail, isFailure } from '../../core/errors/errors.ts';
import { markIn } from '../../core/request-path/own-mark.ts';
import type { Json } from '../../core/text/json.ts';
import type { Backend, WantedRule, WantedRules } from '../../ports/balancer.ts';
import { isRefusal } from '../http/json-api.ts';
import { isUnknownRule, type TencentClb } from './clb.ts';
import { backendOf, type ClbListener, type ClbRule, type ClbTarget, isAt, targetOf } from './clb-listener.ts';

// Makes one owner's rules on a listener match the wanted ones.
//
// Rules have neither a name nor tags. The mark is in the host name of their health check, which the API returns and the
// responder ignores.

/** The rules that exist, for later calls. */
export interface Receipt {
  /** The listener's ID. */
  readonly listener: string;
  readonly rules: readonly ReceiptRule[];
}

interface ReceiptRule {
  readonly name: string;
  /** The rule's ID, `loc-…`. */
  readonly id: string;
  readonly host: string;
  readonly path: string;
  readonly ports: readonly number[];
}

/** The listeners that have rules. */
export const ruleProtocols = ['HTTP', 'HTTPS'] as const;

/** A name that exists nowhere (RFC 2606), so that nothing else checks it. */
const markDomain = '.certfleet.invalid';

/** Returns the mark of a rule whose path is that of challenges, or undefined if it is not certfleet's. */
export function nameOf({ checkHost, url }: ClbRule): string | undefined {
  const name = checkHost.endsWith(markDomain) ? checkHost.slice(0, -markDomain.length) : '';
  return markIn(name) && url.startsWith(challengePath) ? name : undefined;
}

export const receiptIn = (known: Json | undefined): Receipt | undefined => {
  const receipt = known as Partial<Receipt> | null | undefined;
  return typeof receipt?.listener === 'string' && Array.isArray(receipt.rules) ? (receipt as Receipt) : undefined;
};

/**
 * Reports whether a rule is the owner's. Either it has the owner's mark; or, if someone changed its health check, the
 * receipt has its ID, domain, path and all of its ports. A domain, a path and a port prove nothing alone: someone else's
 * rule may have the same.
 */
export function isOwn(
  rule: ClbRule,
  targets: readonly ClbTarget[],
  { owner, receipt }: { readonly owner: string; readonly receipt: Receipt | undefined },
): boolean {
  const mark = markIn(nameOf(rule) ?? '');
  if (mark) return mark.owner === owner;
  const known = receipt?.rules.find(({ id }) => id === rule.id);
  return (
    known !== undefined &&
    rule.domains.includes(known.host) &&
    rule.url === known.path &&
    targets.every(({ port }) => known.ports.includes(port))
  );
}

export interface Place {
  readonly clb: TencentClb;
  readonly title: string;
  /** The listener in messages: `the listener 80 of lb-1`. */
  readonly at: string;
  /** Undefined if the load balancer no longer has it. Its rules went with it. */
  readonly listener: ClbListener | undefined;
  /** Reads the listener again. */
  find(signal: AbortSignal): Promise<ClbListener | undefined>;
  readonly quota: number;
}

/**
 * Applies the necessary changes, and reads again after each step: rules and servers show a change only when its task is
 * done, and another process may have been killed while one was under way.
 */
export async function converge(
  { listener: first, ...place }: Place,
  wanted: WantedRules,
  known: Receipt | undefined,
  signal: AbortSignal,
): Promise<Receipt> {
  let listener = first;
  let hasChanged = false;
  for (let quietMs = 0; listener; ) {
    const receipt = await step(place, listener, wanted, known, signal);
    // A change begins only after all earlier ones are done, so nothing is under way any more.
    if (receipt && (hasChanged || wanted.rules.length > 0 || quietMs >= settledMs)) return receipt;
    hasChanged ||= receipt === undefined;
    if (receipt) {
      quietMs += quietStepMs;
      await place.clb.sleep(quietStepMs, signal);
    }
    listener = await place.find(signal);
  }
  return { listener: '', rules: [] };
}

/** How long a rule may stay invisible after a process was killed that had begun to create it. */
const settledMs = 15_000;
const quietStepMs = 5_000;

/** Makes the next change. Returns undefined if it made one, or else the receipt. */
async function step(
  place: Omit<Place, 'listener'>,
  listener: ClbListener,
  { owner, group, rules }: WantedRules,
  receipt: Receipt | undefined,
  signal: AbortSignal,
): Promise<Receipt | undefined> {
  const { clb } = place;
  const targets = await clb.targets(listener.id, signal);
  const targetsOf = ({ id }: ClbRule) => targets.get(id) ?? [];
  const ours = listener.rules.filter((rule) => isOwn(rule, targetsOf(rule), { owner, receipt }));
  checkRoom(place, { rules, others: listener.rules.filter((rule) => !ours.includes(rule)) });

  const found = rules.map((wanted) => ({ wanted, rule: ours.find((rule) => isRule(wanted, rule)) }));
  const surplus = ours.filter((one) => !found.some(({ rule }) => rule === one));
  if (surplus.length > 0) await deleteRules(clb, listener.id, surplus, signal);
  const missing = found.flatMap(({ wanted, rule }) => (rule ? [] : [wanted]));
  if (missing.length > 0) await createRules(clb, listener, missing, signal);
  if (surplus.length > 0 || missing.length > 0) return undefined;

  const backends = group?.backends ?? [];
  const ports = [...new Set(backends.map(({ port }) => port))];
  let hasChanged = false;
  const done: ReceiptRule[] = [];
  for (const { wanted, rule } of found) {
    if (!rule) continue;
    const parts = { listener: listener.id, rule: rule.id, backends, there: targetsOf(rule) };
    if (await matchTargets(clb, parts, signal)) hasChanged = true;
    done.push({ name: wanted.name, id: rule.id, host: hostOf(wanted), path: wanted.path, ports });
  }
  return hasChanged ? undefined : { listener: listener.id, rules: done };
}

const hostOf = ({ host = '' }: WantedRule): string => host.toLowerCase();

const matchesSame = (wanted: WantedRule, { domains, url }: ClbRule): boolean =>
  domains.includes(hostOf(wanted)) && url === wanted.path;

const isRule = (wanted: WantedRule, rule: ClbRule): boolean =>
  nameOf(rule) === wanted.name && matchesSame(wanted, rule);

/** Fails before anything is changed if the API would fail halfway. */
function checkRoom(
  { title, at, quota }: Omit<Place, 'listener'>,
  { rules, others }: { readonly rules: readonly WantedRule[]; readonly others: readonly ClbRule[] },
): void {
  for (const wanted of rules) {
    const action = `a rule for ${wanted.host ?? 'every host'} and ${wanted.path}`;
    if (wanted.host === undefined)
      throw fail('balancer/refused', {
        ...{ balancer: title, action, reason: `each rule of ${at} needs a domain, and it has no default domain` },
        advice: 'Add a domain to the listener, or set one of its domains as the default one.',
      });
    const other = others.find((rule) => matchesSame(wanted, rule));
    if (other)
      throw fail('balancer/refused', {
        ...{ balancer: title, action },
        reason: `${at} already has a rule that this installation of certfleet did not create: ${nameOf(other) ?? other.id}`,
        advice: 'Remove that rule, or wait until the other installation removes it.',
      });
  }
  if (rules.length > 0 && rules.length + others.length > quota)
    throw fail('balancer/quota', {
      balancer: title,
      what: `${rules.length} rules on ${at}`,
      reason: `it has ${others.length} others, and its quota is ${quota}`,
    });
}

/** The longest list of rules or servers in one call. */
const mostAtOnce = 20;

const inParts = <T>(list: readonly T[]): readonly (readonly T[])[] =>
  Array.from({ length: Math.ceil(list.length / mostAtOnce) }, (_, at) =>
    list.slice(at * mostAtOnce, (at + 1) * mostAtOnce),
  );

async function createRules(
  clb: TencentClb,
  { id, rules }: ClbListener,
  wanted: readonly WantedRule[],
  signal: AbortSignal,
): Promise<void> {
  for (const some of inParts(wanted)) {
    const Rules = some.map((one) => {
      // Domains that share all settings can only be named together.
      const { domains } = rules.find((rule) => rule.domains.includes(hostOf(one))) ?? { domains: [hostOf(one)] };
      return {
        ...(domains.length > 1 ? { Domains: domains } : { Domain: domains[0] }),
        Url: one.path,
        Scheduler: 'WRR',
        HealthCheck: {
          HealthSwitch: 1,
          HttpCheckDomain: `${one.name}${markDomain}`,
          HttpCheckPath: healthCheckPath,
          HttpCheckMethod: 'GET',
          // 2xx
          HttpCode: 2,
          // Two successful checks, at the shortest interval that every load balancer allows.
          IntervalTime: 5,
          TimeOut: 2,
          HealthNum: 2,
          UnHealthNum: 3,
        },
      };
    });
    // After a lost response, a list that is not up to date may not show the rule yet.
    const outdated = (error: unknown) => isRefusal(error, 'InvalidParameterValue.Duplicate');
    await clb.change({ action: 'CreateRule', params: { ListenerId: id, Rules }, outdated }, signal);
  }
}

/** Deletes rules by their IDs alone: a domain would name all rules of that domain. */
export async function deleteRules(
  clb: TencentClb,
  ListenerId: string,
  rules: readonly ClbRule[],
  signal: AbortSignal,
): Promise<void> {
  for (const some of inParts(rules)) {
    const params = { ListenerId, LocationIds: some.map(({ id }) => id) };
    await clb.change({ action: 'DeleteRule', params, outdated: isUnknownRule }, signal);
  }
}

interface Targets {
  readonly listener: string;
  readonly rule: string;
  readonly backends: readonly Backend[];
  readonly there: readonly ClbTarget[];
}

/**
 * Makes the servers of a rule exactly these, and reports whether it changed something. New ones come first, so that the
 * rule is never without a server.
 */
async function matchTargets(
  clb: TencentClb,
  { listener, rule, backends, there }: Targets,
  signal: AbortSignal,
): Promise<boolean> {
  const change = (action: string, servers: readonly Backend[]) => {
    const params = { ListenerId: listener, LocationId: rule, Targets: servers.map(targetOf) };
    return clb.change({ action, params, outdated: isUnknownRule }, signal);
  };
  const now = async () => (await clb.targets(listener, signal)).get(rule) ?? [];
  const missing = backends.filter((backend) => !there.some((target) => isAt(backend, target)));
  const surplus = there.filter((target) => !backends.some((backend) => isAt(backend, target)));
  let hasBound = false;
  for (const some of inParts(missing)) {
    try {
      await change('RegisterTargets', some);
      hasBound = true;
    } catch (error) {
      if (!isRefused(error)) throw error;
      // One of them may be bound by now, by a call whose response was lost; or its node was released, which must not
      // keep out the others.
      if (some.length > 1)
        for (const one of some)
          await change('RegisterTargets', [one]).catch((each: unknown) => {
            if (!isRefused(each)) throw each;
          });
      const bound = await now();
      const isBound = (one: Backend) => bound.some((target) => isAt(one, target));
      if (!backends.some(isBound)) throw error;
      hasBound ||= some.some(isBound);
    }
  }
  for (const some of inParts(surplus)) {
    try {
      await change('DeregisterTargets', some.map(backendOf));
    } catch (error) {
      if (!isRefused(error)) throw error;
      const bound = await now();
      if (some.some((one) => bound.some((target) => isAt(backendOf(one), target)))) throw error;
    }
  }
  return hasBound || surplus.length > 0;
}

const isRefused = (error: unknown): boolean => isFailure(error, 'balancer/refused', 'balancer/not-found');
