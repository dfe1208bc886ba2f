import type { FakeApi } from '../../src/testing/fake-api.ts';
import { serveFakeApi } from './serve-fake-api.ts';
import { atEnd } from './service.ts';

interface TxtValue {
  readonly name: string;
  readonly value: string;
}

/** A real server of the zone: `update` takes the lines of nsupdate. */
interface ZoneServer {
  update(zone: string, ...lines: readonly string[]): Promise<void>;
}

/** The fake of a DNS provider's API. */
export interface FakeDnsApi {
  readonly api: FakeApi;
  /** Its TXT values in a zone. */
  values(zone: string): readonly TxtValue[];
}

export interface ServedDnsApi {
  /** Where the API is: the option `endpoint`, without a path. */
  readonly origin: string;
  readonly api: FakeApi;
  values(): readonly TxtValue[];
}

/**
 * A fake API on a loopback port, whose zone a DNS server serves: after each call, what has changed in the fake is changed there
 * before the call is answered.
 *
 * @param fakeAt makes the fake for its origin
 * @param vendor the origin that the fake answers to, if it is another one: `https://api.example.com`
 */
export async function serveDnsApi(
  fakeAt: (origin: string) => FakeDnsApi,
  {
    vendor,
    zone,
    server,
  }: { readonly vendor?: string | undefined; readonly zone: string; readonly server: ZoneServer },
): Promise<ServedDnsApi> {
  let fake!: FakeDnsApi;
  const keyOf = ({ name, value }: TxtValue) => `${name} "${value}"`;
  let shown = new Set<string>();
  let publishing: Promise<void> = Promise.resolve();

  async function publish(): Promise<void> {
    const now = new Set(fake.values(zone).map(keyOf));
    const line = (verb: string, ttl: string) => (key: string) => `${verb} ${key.replace(' ', `. ${ttl}TXT `)}`;
    const gone = [...shown].filter((key) => !now.has(key)).map(line('delete', ''));
    const come = [...now].filter((key) => !shown.has(key)).map(line('add', '60 '));
    if (gone.length + come.length > 0) await server.update(zone, ...gone, ...come);
    shown = now;
  }

  const served = await serveFakeApi((origin) => {
    fake = fakeAt(origin);
    const { api } = fake;
    return {
      ...api,
      async handle(request) {
        try {
          return await api.handle({ ...request, url: request.url.replace(origin, vendor ?? origin) });
        } finally {
          // Also if the answer is lost.
          publishing = publishing.then(publish);
          await publishing;
        }
      },
    };
  });
  atEnd(() => void served.close());
  return { origin: served.origin, api: fake.api, values: () => fake.values(zone) };
}
