import { fail, reasonOf } from '../../core/errors/errors.ts';
import { cut } from '../../core/errors/remote-text.ts';
import { parentName } from '../../core/names/dns-name.ts';
import type { DnsAnswer, DnsRecord } from '../../ports/dns.ts';
import type { CaaFinding, CaaQuestion } from '../engine.ts';
import { chainLimit } from '../zones/limits.ts';
import type { Zones } from '../zones/zone.ts';

/** What the check needs: the resolvers, and the zone's own servers to confirm a "no". */
type CaaZones = Pick<Zones, 'resolve' | 'findZone' | 'ask'>;

/**
 * Checks whether a name's CAA records allow this CA, this account and this challenge type to get a certificate (RFC
 * 8659, RFC 8657). Like the CA, it uses the records of the name, or of the closest parent that has any. If a lookup
 * fails, the verdict is `cannot-tell`, because the CA's resolvers may see more.
 *
 * A "no" is proof only from authoritative servers, because a resolver may have an old response in its cache.
 */
export async function checkCaa(
  question: CaaQuestion,
  { zones }: { readonly zones: CaaZones },
  signal: AbortSignal,
): Promise<CaaFinding> {
  const names: string[] = [];
  for (let at: string | undefined = question.name; at; at = parentName(at)) names.push(at);
  // Ask for all names at once: usually none has records, so all are needed.
  const looks = await Promise.all(names.map((name) => orReason(askResolvers(name, zones, signal))));
  signal.throwIfAborted();
  for (const [at, look] of looks.entries()) {
    const name = names[at] ?? '';
    if (typeof look === 'string')
      return { verdict: 'cannot-tell', finding: `the CAA records of ${name} could not be read: ${look}` };
    if (look.properties.length === 0) continue;
    const finding = judge(name, look.properties, question);
    const isCurrent = looks.slice(0, at + 1).every((one) => typeof one !== 'string' && one.authoritative);
    return finding.verdict !== 'no' || isCurrent
      ? finding
      : askAgain(names, { question, doubted: finding }, zones, signal);
  }
  return { verdict: 'pass', finding: `no CAA record limits who may issue for ${question.name}` };
}

/** Asks the zones' own servers, name by name: usually, the first name with records decides. */
async function askAgain(
  names: readonly string[],
  { question, doubted }: { readonly question: CaaQuestion; readonly doubted: CaaFinding },
  zones: CaaZones,
  signal: AbortSignal,
): Promise<CaaFinding> {
  for (const name of names) {
    const look = await orReason(askAuthorities(name, zones, signal));
    signal.throwIfAborted();
    if (typeof look === 'string')
      return {
        verdict: 'cannot-tell',
        finding: `${doubted.finding}; the name servers of ${name} could not confirm it: ${look}`,
      };
    if (look.length > 0) return judge(name, look, question);
  }
  return { verdict: 'pass', finding: `no CAA record limits who may issue for ${question.name} any more` };
}

/** Returns the result, or the reason for the failure in words. */
const orReason = <T>(look: Promise<T>): Promise<T | string> => look.catch(reasonOf);

/** The resolver follows CNAMEs (RFC 8659 §3), but the AA bit says nothing about their targets (RFC 1035 §4.1.1). */
async function askResolvers(name: string, zones: CaaZones, signal: AbortSignal) {
  const answer = await zones.resolve({ name, type: 'CAA' }, signal);
  const authoritative = answer.authoritative && !answer.answers.some((record) => record.type === 'CNAME');
  return { properties: propertiesIn(answer), authoritative };
}

async function askAuthorities(name: string, zones: CaaZones, signal: AbortSignal): Promise<readonly Property[]> {
  let at: string | undefined = name;
  for (let followed = 0; followed <= chainLimit; followed += 1) {
    const here: string = at;
    const { zone } = await zones.findZone(here, signal);
    const { answer } = await zones.ask(zone, { name: here, type: 'CAA' }, signal);
    const found = propertiesIn(answer);
    at = answer.answers.find((record) => record.type === 'CNAME' && record.name === here)?.value;
    if (found.length > 0 || at === undefined) return found;
  }
  throw fail('dns/cname-loop', { name, limit: chainLimit });
}

const propertiesIn = (answer: DnsAnswer): readonly Property[] =>
  answer.answers.filter((record) => record.type === 'CAA').map(readProperty);

interface Property {
  readonly critical: boolean;
  readonly tag: string;
  readonly value: string;
}

function readProperty({ value }: DnsRecord): Property {
  const [flags = '', tag = '', ...rest] = value.split(' ');
  // RFC 8659 §4.1: bit 0 is the highest one. Many people set the lowest one instead, which Boulder also accepts. Tags
  // are not case-sensitive.
  return { critical: (Number.parseInt(flags, 10) & 0x81) !== 0, tag: tag.toLowerCase(), value: rest.join(' ') };
}

/** Known tags (RFC 8659 §4, RFC 9495). Any other critical tag forbids issuance. */
const knownTags = ['issue', 'issuewild', 'iodef', 'issuemail'];

/** Returns the verdict, with the records that it concerns. */
function judge(name: string, properties: readonly Property[], question: CaaQuestion): CaaFinding {
  const shown = properties.slice(0, mostRecords).map(({ critical, tag, value }) => {
    const text = value.replace(/^"(.*)"$/, '$1');
    return `${name} CAA ${critical ? 128 : 0} ${cut(tag, mostShown)} "${cut(text, mostShown)}"`;
  });
  const more = properties.length - shown.length;
  return { ...permits(name, properties, question), records: more > 0 ? [...shown, `and ${more} more`] : shown };
}

function permits(name: string, properties: readonly Property[], question: CaaQuestion): CaaFinding {
  const unknown = properties.find((property) => property.critical && !knownTags.includes(property.tag));
  if (unknown)
    return {
      verdict: 'no',
      finding: `a critical CAA record of ${name} has the unknown tag "${cut(unknown.tag, mostShown)}"`,
    };

  const wild = properties.filter((property) => property.tag === 'issuewild');
  const relevant =
    question.wildcard && wild.length > 0 ? wild : properties.filter((property) => property.tag === 'issue');
  // Records such as iodef restrict nothing (RFC 8659 §4.2).
  if (relevant.length === 0)
    return { verdict: 'pass', finding: `the CAA records of ${name} do not limit who may issue` };

  const opinions = relevant.map((property) => weigh(property.value, question));
  if (opinions.includes('allows')) return { verdict: 'pass', finding: `the CAA records of ${name} allow it` };
  const shown = show(relevant);
  if (question.caaIdentities.length === 0)
    return {
      verdict: 'cannot-tell',
      finding: `${name} has CAA records (${shown}), and the CA does not say which name it uses in them`,
    };
  if (opinions.includes('depends'))
    return {
      verdict: 'cannot-tell',
      finding: `a CAA record of ${name} names an account (${shown}), and ours does not exist yet`,
    };
  const reason = opinions.includes('wrong-account')
    ? 'for another account'
    : opinions.includes('wrong-method')
      ? `without ${question.challengeTypes.join(' and ')}`
      : `not ${question.caaIdentities.join(' or ')}`;
  return { verdict: 'no', finding: `the CAA records of ${name} allow ${shown}, ${reason}` };
}

/** A value is a name with an account's URL, and a few records are enough to recognise. */
const mostShown = 200;
const mostRecords = 5;

function show(properties: readonly Property[]): string {
  const words = properties.slice(0, mostRecords).map(({ tag, value }) => `${tag} "${cut(value, mostShown)}"`);
  const more = properties.length - words.length;
  return more > 0 ? `${words.join(', ')} and ${more} more` : words.join(', ');
}

type Opinion = 'allows' | 'other-ca' | 'wrong-account' | 'wrong-method' | 'depends';

/** Judges one `issue` value: `ca.example; accounturi=…; validationmethods=…`. A malformed value allows nothing. */
function weigh(value: string, question: CaaQuestion): Opinion {
  const [domain = '', ...rest] = value.split(';').map((part) => part.trim());
  // Compare exactly, like Boulder: a capital letter or a trailing dot would fail the authorization.
  if (!question.caaIdentities.includes(domain)) return 'other-ca';
  const parameters = new Map<string, string>();
  for (const part of rest.filter((text) => text !== '')) {
    const match = /^([A-Za-z0-9][A-Za-z0-9-]*)\s*=\s*([\x21-\x3a\x3c-\x7e]*)$/.exec(part);
    const key = match?.[1]?.toLowerCase();
    // RFC 8657 §3: a repeated parameter allows nothing.
    if (key === undefined || parameters.has(key)) return 'other-ca';
    parameters.set(key, match?.[2] ?? '');
  }
  const methods = parameters.get('validationmethods')?.split(',');
  if (methods && !question.challengeTypes.some((type) => methods.includes(type))) return 'wrong-method';
  const account = parameters.get('accounturi');
  if (account === undefined || account === question.accountUrl) return 'allows';
  return question.accountUrl === undefined ? 'depends' : 'wrong-account';
}
