import { setTimeout as wait } from 'node:timers/promises';
import { beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/lib/clock.ts';
import type { AlibabaAlb } from '../support/alibaba-alb.ts';
import { type AlbBench, createAlbBench, flat, lb, type Name, newRule, root } from '../support/alibaba-alb-account.ts';
import { get, startNodes } from '../support/alibaba-world.ts';
import { atEnd } from '../support/service.ts';
import { shakeHands } from '../support/versions.ts';
import { stopAllAfterwards } from '../support/vitest.ts';

// The fake of Alibaba Cloud's ALB: the certificates of its listeners, and its data plane.

let bench: AlbBench;

stopAllAfterwards();
beforeAll(async () => {
  bench = await createAlbBench();
});

describe('certificates', () => {
  const ids = (fake: AlibabaAlb, ...of: Name[]) => of.map((name) => ({ CertificateId: fake.certificateId(name) }));

  it('the default one is replaced, the additional ones are added and removed', async () => {
    const { fake, alb, clock, code } = await bench.start({ changeMs: 5000 });
    const ListenerId = fake.listenerId(lb, 443);
    const certificates = (...of: Name[]) => flat({ ListenerId, Certificates: ids(fake, ...of) });
    const served = (name: string) => fake.served(lb, 443, name);
    expect([served('www.example.com'), served('shop.example.com'), served('b.example.com')]).toEqual([
      'first',
      'shop',
      'first',
    ]);
    await alb.call('AssociateAdditionalCertificatesWithListener', certificates('wild'));
    const listed = async () => {
      const { Certificates } = await alb.call('ListListenerCertificates', { ListenerId, CertificateType: 'Server' });
      return Certificates.map((one: Record<string, unknown>) => [
        one['CertificateId'],
        one['IsDefault'],
        one['Status'],
      ]);
    };
    const [first, shop, wild] = ids(fake, 'first', 'shop', 'wild').map((one) => one.CertificateId);
    expect(await listed()).toEqual([
      [first, true, 'Associated'],
      [shop, false, 'Associated'],
      [wild, false, 'Associating'],
    ]);
    expect(served('b.example.com')).toBe('first');
    expect(await code('UpdateListenerAttribute', { ListenerId, Certificates: ids(fake, 'second') })).toMatch(
      /^(Inc|Res|Vip)/,
    );
    await clock.advance(5000);
    expect(served('b.example.com')).toBe('wild');
    await alb.call('UpdateListenerAttribute', certificates('second'));
    const { ListenerStatus } = await alb.call('GetListenerAttribute', { ListenerId });
    expect(ListenerStatus).toBe('Configuring');
    await clock.advance(5000);
    expect(await alb.call('GetListenerAttribute', { ListenerId })).toMatchObject({
      ...{ ListenerStatus: 'Running', Certificates: ids(fake, 'second') },
    });
    expect(served('example.org')).toBe('second');
    await alb.call('DissociateAdditionalCertificatesFromListener', certificates('shop'));
    await clock.advance(5000);
    expect(served('shop.example.com')).toBe('wild');
    fake.forgetCertificate('wild'); // CAS lets it go, and the listener keeps it
    expect(served('shop.example.com')).toBe('wild');
  });

  it('refuses unknown ones, wrong forms, repeats, the default one, and more than it may have', async () => {
    const { fake, code } = await bench.start({ quotas: { additionalOfListener: 1 } });
    const ListenerId = fake.listenerId(lb, 443);
    const number = Number(fake.certificateId('wild').split('-')[0]);
    const add = (Certificates: object, listener = ListenerId) =>
      code('AssociateAdditionalCertificatesWithListener', { ListenerId: listener, Certificates });
    const before = fake.snapshot();
    expect(await add([{ CertificateId: String(number) }])).toBe('ResourceNotFound.Certificate');
    expect(await add([{ CertificateId: `${number}-ap-southeast-1` }])).toBe('ResourceNotFound.Certificate');
    expect(await add(ids(fake, 'shop'))).toBe('ResourceAlreadyAssociated.Certificate');
    expect(await add(ids(fake, 'wild'))).toBe('QuotaExceeded.AdditionalCertsNum');
    expect(await add(ids(fake, 'wild'), fake.listenerId(lb, 80))).toBe('OperationDenied.ListenerProtocol');
    const gone = { ListenerId, Certificates: ids(fake, 'first') };
    expect(await code('DissociateAdditionalCertificatesFromListener', gone)).toBe('ResourceNotFound.Certificate');
    const both = { ListenerId, Certificates: ids(fake, 'first', 'second') };
    expect(await code('UpdateListenerAttribute', both)).toBe('InvalidParameter');
    expect(fake.snapshot()).toEqual(before);
  });

  it('two for one name are served by turns', async () => {
    const { fake, alb } = await bench.start();
    const ListenerId = fake.listenerId(lb, 443);
    const Certificates = ids(fake, 'second');
    await alb.call('UpdateListenerAttribute', flat({ ListenerId, Certificates: ids(fake, 'wild') }));
    await alb.call(
      'AssociateAdditionalCertificatesWithListener',
      flat({ ListenerId, Certificates: ids(fake, 'first') }),
    );
    await alb.call('AssociateAdditionalCertificatesWithListener', flat({ ListenerId, Certificates }));
    const served = new Set([1, 2].map(() => fake.served(lb, 443, 'www.example.com')));
    expect(served).toEqual(new Set(['first', 'second']));
  });
});

describe('the data plane', () => {
  it('forwards, answers by itself, and serves certificates by name', async () => {
    const [a, b] = await startNodes(2);
    const servers = { 'i-a': { ip: '10.0.0.1', at: a!.address }, 'i-b': { ip: '10.0.0.2', at: b!.address } };
    const groups = [
      { name: 'web', servers: [{ id: 'i-a', port: a!.port }], check: { enabled: false } },
      { name: 'shop', servers: [{ id: 'i-b', port: b!.port }], check: { interval: 1, healthy: 2 } },
    ];
    const { fake, alb } = await bench.serve({ ...bench.optionsWith(systemClock), groups, servers, secondMs: 10 }, root);
    const plane = await fake.startPlane();
    atEnd(() => plane.stop());
    const port = plane.port(`${lb}|80`);
    expect((await get(port, 'www.example.com', '/x')).text).toBe('a GET /x');
    await alb.call('CreateRule', flat(newRule(fake)));
    expect((await get(port, 'www.example.com', '/.well-known/acme-challenge/x')).text).toBe('key-authorization');
    let seen = await get(port, 'shop.example.com', '/');
    for (let round = 0; seen.status === 502 && round < 500; round++) {
      await wait(10);
      seen = await get(port, 'shop.example.com', '/');
    }
    expect(seen.text).toBe('b GET /');
    const shown = async (name: string) => (await shakeHands(plane.port(`${lb}|443`), name)).fingerprint;
    expect(await shown('www.example.com')).toBe(bench.pems.first.fingerprint);
    expect(await shown('shop.example.com')).toBe(bench.pems.shop.fingerprint);
  });
});
