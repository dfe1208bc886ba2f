import { expect, it } from 'vitest';
import type { Lineage, Renewal } from '../../core/lineage/lineage.ts';
import { testLineage, testSpec } from '../../core/lineage/test-lineages.ts';
import type { StoredSpec } from '../../core/spec/spec.ts';
import { createAccounts, createIssuers, hashOf, questionIn, summaryOf } from './summary.ts';

const hourMs = 3_600_000;
const now = new Date('2026-03-01T00:00:00Z');
const at = (ms: number) => new Date(now.getTime() + ms).toISOString();
const { current } = testLineage;
const facts = { ...current!.facts, ariId: 'a.b' };
const wanted: StoredSpec = testSpec;
const asked: Lineage = {
  ...testLineage,
  current: { ...current!, directory: wanted.issuer.settings.directory, facts },
  last: { at: at(0), result: 'issued', version: current!.id, message: '' },
  renewal: { at: at(240 * hourMs), source: 'ari', checkAfter: at(hourMs) },
};
const job = { wanted, origin: asked.origin, force: false, obeyBackoff: true } as const;
const sumUp = (lineage: Lineage, issuers = createIssuers()) =>
  summaryOf({ lineage, revision: '7-x' }, job, {
    ...{ now, node: 'here', lease: undefined, hold: undefined, laterMs: 0, issuers, accounts: createAccounts() },
  });

it.each<[string, Partial<Renewal>]>([
  ['as stored', {}],
  ['with a window and a page', { window: { start: at(0), end: at(hourMs) }, explanationUrl: 'https://ca.test/page' }],
  ['without a time for the next question', { checkAfter: undefined as never }],
])('a question needs of a summary what it would need of the document: %s', (_what, more) => {
  const renewal = JSON.parse(JSON.stringify({ ...asked.renewal, ...more })) as Renewal;
  const issuers = createIssuers();
  const { directory, issuedAt } = asked.current!;
  const { ariId, notBefore, notAfter } = facts;
  const question = questionIn(asked.name, sumUp({ ...asked, renewal }, issuers), issuers)!;
  expect({ ...question, lineage: { ...question.lineage, current: undefined } }).toEqual({
    ...{ issuer: wanted.issuer, revision: '7-x', lineage: { name: asked.name, renewal, current: undefined } },
  });
  const time = (text: string) => new Date(text).toISOString();
  expect(question.lineage.current).toEqual({
    ...{ directory, issuedAt, facts: { ariId, notBefore: time(notBefore), notAfter: time(notAfter) } },
  });
});

it('has no question where there is none, or where an answer takes a job', () => {
  const issuers = createIssuers();
  const cannot = { ...asked, current: { ...asked.current!, facts: { ...facts, ariId: undefined as never } } };
  const failed = {
    ...asked,
    failure: { count: 1, at: at(0), code: 'acme/busy', message: '', hint: '', retryAt: at(1) },
  };
  for (const lineage of [cannot, failed as Lineage])
    expect(questionIn(lineage.name, sumUp(lineage, issuers), issuers)).toBeUndefined();
});

it('keeps each issuer once, and tells settings apart', () => {
  const issuers = createIssuers();
  const other = { ...wanted.issuer, name: 'other' };
  const numbers = [wanted.issuer, other, structuredClone(wanted.issuer), other].map(issuers.numberOf);
  expect(numbers).toEqual([0, 1, 0, 1]);
  expect([issuers.at(0), issuers.at(1)]).toEqual([wanted.issuer, other]);
  expect(hashOf(structuredClone(wanted))).toBe(hashOf(wanted));
  expect(hashOf({ ...wanted, endpoints: ['www.example.com:443'] })).not.toBe(hashOf(wanted));
});
