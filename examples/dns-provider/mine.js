// A DNS provider of your own, outside certfleet. In the configuration:
//
//   solvers:
//     dns: { type: dns01, module: /etc/certfleet/mine.js, options: { token: "file:/etc/certfleet/mine.token" } }

import { createDnsApi, judgeByStatus, readFields, readList, readString } from 'certfleet/api';
import { defineDnsProvider, endpoint, secret, z } from 'certfleet/define';

export default defineDnsProvider({
  id: 'mine',
  title: 'Our own DNS',
  since: '1.0.0',
  tested: 'documents only',
  options: z.strictObject({ token: secret('API token'), endpoint: endpoint() }),
  // Each value is an object of its own, so changes do not conflict.
  traits: { writes: 'value', minTtl: 60, maxConcurrent: 4 },
  connect({ options, world }) {
    const http = world.http();
    const api = createDnsApi({ world, http, judge, provider: 'Our own DNS', advice: 'Ask the DNS team.' });
    const base = options.endpoint ?? 'https://dns.example.com/v1';

    const call = (method, path, { about, signal, read, body }) =>
      api.call({
        what: `${method} ${path}`,
        about,
        signal,
        read,
        readsOnly: method === 'GET',
        secrets: [options.token],
        build: () => ({
          method,
          url: `${base}${path}`,
          headers: { authorization: `Bearer ${options.token.reveal()}`, 'content-type': 'application/json' },
          ...(body && { body: JSON.stringify(body) }),
        }),
      });

    /** The ids of exactly this value. */
    const find = async ({ zone, name, value }, signal) => {
      const read = ({ body }) => readList(readFields(body, 'the answer').values, 'values');
      const values = await call('GET', `/zones/${zone}/txt/${name}`, { about: name, signal, read });
      return values.filter((one) => one.value === value).map((one) => readString(one, 'id'));
    };

    return {
      kind: 'values',
      async append(value, signal) {
        // The answer of an earlier call may have been lost.
        const [existing] = await find(value, signal);
        if (existing) return existing;
        const { zone, name, ttl } = value;
        const read = ({ body }) => readString(readFields(body, 'the answer'), 'id');
        const body = { value: value.value, ttl };
        return call('POST', `/zones/${zone}/txt/${name}`, { about: name, signal, read, body });
      },
      async remove(value, _made, signal) {
        const { zone, name } = value;
        for (const id of await find(value, signal))
          await call('DELETE', `/zones/${zone}/txt/${name}/${id}`, { about: name, signal, read: () => {} });
      },
      check: (zone, signal) => call('GET', `/zones/${zone}`, { about: zone, signal, read: () => {} }),
      close: () => http.close(),
    };
  },
});

/** What an answer means, and what a person can do about a refusal. */
function judge(answer) {
  const verdict = judgeByStatus(answer);
  return verdict.kind === 'refused' ? { ...verdict, advice: advices[answer.status] ?? 'Ask the DNS team.' } : verdict;
}

const advices = {
  401: 'Check `token`: the DNS team makes new ones.',
  403: 'Ask the DNS team for a `token` that may change the zone.',
  404: 'Ask the DNS team to add the zone.',
};
