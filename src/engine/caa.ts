import { parentName } from '../core/dns-name.ts';
import { reasonOf } from '../core/errors.ts';
import type { DnsRecord } from '../ports/dns.ts';
import type { CaaFinding, CaaQuestion } from './context.ts';
import type { Zones } from './zone.ts';

/**
 * Whether the CAA records of a name let this CA, this account and this kind of challenge have a certificate (RFC
 * 8659, RFC 8657), as the CA itself will look: the records of the name, else those of the closest name above it that has any.
 * A lookup that fails on the way is «cannot tell», though the CA would refuse: its resolvers may see more than ours.
 */
export async function checkCaa(
  question: CaaQuestion,
  { zones }: { readonly zones: Pick<Zones, 'resolve'> },
  signal: AbortSignal,
): Promise<CaaFinding> {
  const names: string[] = [];
  for (let at: string | undefined = question.name; at; at = parentName(at)) names.push(at);
  // All at once: nearly always none has any, and then the answer needs them all.
  const looks = await Promise.all(names.map((name) => lookUp(name, zones, signal)));
  signal.throwIfAborted();
  for (const [at, look] of looks.entries()) {
    const name = names[at] ?? '';
    if (typeof look === 'string')
      return { verdict: 'cannot-tell', finding: `the CAA records of ${name} are not known: ${look}` };
    if (look.length > 0) return judge(name, look, question);
  }
  return { verdict: 'pass', finding: `no CAA record limits who may issue for ${question.name}` };
}

/** The CAA records, or in words why they are not known. The resolver follows CNAMEs (RFC 8659 §3). */
async function lookUp(
  name: string,
  zones: Pick<Zones, 'resolve'>,
  signal: AbortSignal,
): Promise<readonly Property[] | string> {
  try {
    const answer = await zones.resolve({ name, type: 'CAA' }, signal);
    return answer.answers.filter((record) => record.type === 'CAA').map(readProperty);
  } catch (error) {
    return reasonOf(error);
  }
}

interface Property {
  readonly critical: boolean;
  readonly tag: string;
  readonly value: string;
}

function readProperty({ value }: DnsRecord): Property {
  const [flags = '', tag = '', ...rest] = value.split(' ');
  // RFC 8659 §4.1: bit 0, the highest one; tags compare without case.
  return { critical: (Number.parseInt(flags, 10) & 0x80) !== 0, tag: tag.toLowerCase(), value: rest.join(' ') };
}

/** Tags with a meaning (RFC 8659 §4, RFC 9495); any other one that is critical forbids. */
const knownTags = ['issue', 'issuewild', 'iodef', 'issuemail'];

function judge(name: string, properties: readonly Property[], question: CaaQuestion): CaaFinding {
  const unknown = properties.find((property) => property.critical && !knownTags.includes(property.tag));
  if (unknown)
    return {
      verdict: 'no',
      finding: `a critical CAA record of ${name} has the tag "${unknown.tag}", which no CA knows`,
    };

  const wild = properties.filter((property) => property.tag === 'issuewild');
  const relevant =
    question.wildcard && wild.length > 0 ? wild : properties.filter((property) => property.tag === 'issue');
  // Only iodef or the like: it limits nothing (RFC 8659 §4.2).
  if (relevant.length === 0)
    return { verdict: 'pass', finding: `the CAA records of ${name} do not limit who may issue` };

  const opinions = relevant.map((property) => weigh(property.value, question));
  if (opinions.includes('allows')) return { verdict: 'pass', finding: `the CAA records of ${name} allow it` };
  const shown = relevant.map((property) => `${property.tag} "${property.value}"`).join(', ');
  if (question.caaIdentities.length === 0)
    return {
      verdict: 'cannot-tell',
      finding: `${name} has CAA records (${shown}), and the CA does not say its name in them`,
    };
  if (opinions.includes('depends'))
    return {
      verdict: 'cannot-tell',
      finding: `a CAA record of ${name} names an account (${shown}), and ours is not known yet`,
    };
  const reason = opinions.includes('wrong-account')
    ? 'for another account'
    : opinions.includes('wrong-method')
      ? `without ${question.challengeType}`
      : `not ${question.caaIdentities.join(' or ')}`;
  return { verdict: 'no', finding: `the CAA records of ${name} allow ${shown}, ${reason}` };
}

type Opinion = 'allows' | 'other-ca' | 'wrong-account' | 'wrong-method' | 'depends';

/** One `issue` value: `ca.example; accounturi=…; validationmethods=…`. What cannot be read allows nothing. */
function weigh(value: string, question: CaaQuestion): Opinion {
  const [domain = '', ...rest] = value.split(';').map((part) => part.trim());
  const identities = question.caaIdentities.map((identity) => identity.toLowerCase().replace(/\.$/, ''));
  if (!identities.includes(domain.toLowerCase().replace(/\.$/, ''))) return 'other-ca';
  const parameters = new Map<string, string>();
  for (const part of rest.filter((text) => text !== '')) {
    const match = /^([A-Za-z0-9][A-Za-z0-9-]*)\s*=\s*([\x21-\x3a\x3c-\x7e]*)$/.exec(part);
    const key = match?.[1]?.toLowerCase();
    // RFC 8657 §3: given twice, it allows nobody.
    if (key === undefined || parameters.has(key)) return 'other-ca';
    parameters.set(key, match?.[2] ?? '');
  }
  const methods = parameters.get('validationmethods')?.split(',');
  if (methods && !methods.includes(question.challengeType)) return 'wrong-method';
  const account = parameters.get('accounturi');
  if (account === undefined || account === question.accountUrl) return 'allows';
  return question.accountUrl === undefined ? 'depends' : 'wrong-account';
}
