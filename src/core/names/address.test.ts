import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fewAddresses, isForbiddenAddress, isPublicAddress, mostAddresses } from './address.ts';

describe('isForbiddenAddress', () => {
  it.each([
    '169.254.169.254',
    '169.254.0.1',
    '100.100.100.200',
    '168.63.129.16',
    '192.0.0.192',
    'fe80::1%eth0',
    'febf::1',
    'fd00:ec2::254',
    'FD00:0EC2:0:0:0:0:0:254',
    'fd20:ce::254',
    '::ffff:169.254.169.254',
    '64:ff9b::a9fe:a9fe',
    '::ffff:100.100.100.200',
    '2002:a9fe:a9fe::1',
    '0.0.0.0',
    '::',
    '224.0.0.1',
    'ff02::1',
    'not an address',
  ])('nothing is requested from %s', (address) => expect(isForbiddenAddress(address)).toBe(true));
  it.each(['127.0.0.1', '::1', '10.0.0.1', '100.64.0.1', '192.168.1.1', 'fd00::2', '1.1.1.1', '2606:4700::1111'])(
    'something may be from %s',
    (address) => expect(isForbiddenAddress(address)).toBe(false),
  );
});

describe('isPublicAddress', () => {
  it.each([
    '127.0.0.1',
    '10.1.2.3',
    '172.31.0.1',
    '192.168.1.1',
    '100.64.0.1',
    '169.254.1.1',
    '0.0.0.0',
    '255.255.255.255',
    '::',
    '::1',
    '0:0:0:0:0:0:0:1',
    'fd00::2',
    'fc00::1',
    'FD00::2',
    'fe80::1',
    'fe80::1%eth0',
    'fec0::1',
    'ff02::1',
    'not an address',
    '',
  ])('%s is not reached by a CA', (address) => expect(isPublicAddress(address)).toBe(false));
  it.each(['1.1.1.1', '172.32.0.1', '2606:4700::1111', '64.112.117.122', '2001:4860:4860::8888'])('%s is', (address) =>
    expect(isPublicAddress(address)).toBe(true),
  );

  // The hexadecimal form of 127.0.0.1, 10.0.0.5, 192.168.0.1 and of 1.1.1.1, in the forms that a packet ends at them.
  it.each([
    ['mapped', '::ffff:7f00:1', '::ffff:101:101'],
    ['mapped, dotted', '::ffff:127.0.0.1', '::ffff:1.1.1.1'],
    ['mapped, written out', '0:0:0:0:0:FFFF:7F00:0001', '0:0:0:0:0:ffff:0101:0101'],
    ['mapped, with a zone', '::ffff:169.254.1.1%eth0', '::ffff:1.1.1.1%eth0'],
    ['compatible (deprecated)', '::7f00:1', '::101:101'],
    ['compatible, dotted', '::10.0.0.5', '::1.1.1.1'],
    ['translated', '::ffff:0:7f00:1', '::ffff:0:101:101'],
    ['NAT64', '64:ff9b::7f00:1', '64:ff9b::101:101'],
    ['NAT64, dotted', '64:ff9b::192.168.0.1', '64:ff9b::1.1.1.1'],
    ['6to4', '2002:7f00:1::1', '2002:101:101::1'],
    ['6to4 of a private network', '2002:a00:5:1::53', '2002:808:808:1::53'],
    ['Teredo', '2001:0:101:101:0:0:80ff:fffe', '2001:0:a00:5:0:0:fefe:fefe'],
  ])('%s: %s is as closed as what it contains, %s as public', (_form, closed, open) => {
    expect([isPublicAddress(closed), isPublicAddress(open)]).toEqual([false, true]);
  });

  it.each(['64:ff9b:1::101:101', '64:ff9b:1:ffff:ffff:ffff:ffff:ffff'])(
    'the translation prefix of a local network is not: %s',
    (address) => expect(isPublicAddress(address)).toBe(false),
  );

  it('says of each form what it says of the IPv4 address', () => {
    fc.assert(
      fc.property(fc.ipV4(), (ipv4) => {
        const [a, b, c, d] = ipv4.split('.').map(Number) as [number, number, number, number];
        const hex = (high: number, low: number) => (high * 256 + low).toString(16);
        const forms = [
          `::ffff:${ipv4}`,
          `::ffff:0:${ipv4}`,
          `64:ff9b::${ipv4}`,
          `2002:${hex(a, b)}:${hex(c, d)}::1`,
          `2001:0:1:1::${hex(255 - a, 255 - b)}:${hex(255 - c, 255 - d)}`,
        ];
        expect(new Set(forms.map(isPublicAddress))).toEqual(new Set([isPublicAddress(ipv4)]));
      }),
    );
  });
});

describe('fewAddresses', () => {
  const addresses = fc.uniqueArray(fc.ipV4(), { maxLength: 40 });
  const sixes = fc.uniqueArray(fc.ipV6(), { maxLength: 40 });

  it('takes the same ones whatever their order, leaves no family out, and counts the others', () => {
    fc.assert(
      fc.property(addresses, sixes, (ipv4, ipv6) => {
        const few = fewAddresses(ipv4, ipv6);
        const taken = few.ipv4.length + few.ipv6.length;
        expect(taken).toBe(Math.min(mostAddresses, ipv4.length + ipv6.length));
        expect(few.left).toBe(ipv4.length + ipv6.length - taken);
        expect(few.ipv4.length).toBeGreaterThanOrEqual(Math.min(ipv4.length, mostAddresses / 2));
        expect(few.ipv6.length).toBeGreaterThanOrEqual(Math.min(ipv6.length, mostAddresses / 2));
        const other = fewAddresses(ipv4.toReversed(), ipv6.toReversed());
        expect([...other.ipv4, ...other.ipv6].sort()).toEqual([...few.ipv4, ...few.ipv6].sort());
      }),
    );
  });
});
