import { describe, expect, it } from 'vitest';
import { isPublicAddress } from './address.ts';

describe('isPublicAddress', () => {
  it.each([
    '127.0.0.1',
    '10.1.2.3',
    '172.31.0.1',
    '192.168.1.1',
    '100.64.0.1',
    '169.254.1.1',
    '::1',
    'fd00::2',
    'fe80::1',
  ])('%s is not reached by a CA', (address) => expect(isPublicAddress(address)).toBe(false));
  it.each(['1.1.1.1', '172.32.0.1', '2606:4700::1111', '64.112.117.122'])('%s is', (address) =>
    expect(isPublicAddress(address)).toBe(true),
  );
});
