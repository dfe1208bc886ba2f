import { expect, it } from 'vitest';
import { nameWithMark } from '../../core/request-path/own-mark.ts';
import { createMarks } from './alb-marks.ts';
import { type Elb, type ElbGroup, tagKeys } from './elb.ts';
import type { ElbRule } from './elb-rules.ts';

const { signal } = new AbortController();
const named = (arn: string) =>
  nameWithMark({ owner: '0123456789ab', expires: new Date('2026-11-26T00:00:00Z'), id: arn.padStart(12, '0') });
const rule = (arn: string): ElbRule => ({
  ...{ arn, priority: 1, paths: ['/.well-known/acme-challenge/*'], hosts: ['a.test'] },
  ...{ hasOtherConditions: false, action: 'forwards to web', groups: [] },
});
const group = (arn: string): ElbGroup => ({
  ...{ arn, name: named(arn), targetType: 'ip', vpcId: 'v', healthPath: '/' },
});

it('knows what it has seen lately and what is there, and forgets the rest', async () => {
  const asked: string[] = [];
  let groups: readonly ElbGroup[] = [];
  const elb: Pick<Elb, 'tags' | 'markedGroups'> = {
    tags: async (arns) => {
      asked.push(...arns);
      return new Map(arns.map((arn) => [arn, { [tagKeys.name]: named(arn), [tagKeys.listener]: 'edge' }]));
    },
    markedGroups: async () => groups,
  };
  const marks = createMarks(elb as Elb, 'edge');
  const round = async (at: string) => {
    groups = [group('f'), group(`${at}f`)];
    const rules = [rule('e'), rule(at)];
    asked.length = 0;
    await marks.readNames(rules, signal);
    expect(rules.map((one) => marks.nameOf(one))).toEqual(rules.map(({ arn }) => named(arn)));
    expect(await marks.readGroups(() => true, signal)).toEqual(groups);
    return [...asked];
  };

  expect(await round('0')).toEqual(['e', '0', 'f', '0f']);
  for (let at = 1; at <= 1_100; at += 1) expect(await round(`${at}`)).toEqual([`${at}`, `${at}f`]);
  expect(await round('1000')).toEqual([]);
  expect(await round('0')).toEqual(['0', '0f']);
});
