import { fail } from '../../src/core/errors/errors.ts';
import type { Http } from '../../src/ports/http.ts';
import type { Log } from '../../src/ports/log.ts';
import type { SimulatedCa } from './acme-ca.ts';

/** The port `Http` without a network: the simulated CA answers every request. */
export const httpTo = (ca: SimulatedCa): Http => ({
  async request(request) {
    const url = new URL(request.url);
    request.signal.throwIfAborted();
    const answer = await ca.handle({
      method: request.method,
      path: `${url.pathname}${url.search}`,
      headers: Object.fromEntries(Object.entries(request.headers ?? {}).map(([k, v]) => [k.toLowerCase(), v])),
      body: String(request.body ?? ''),
      base: url.origin,
    });
    if (answer.cut) {
      const reason = 'the connection was cut';
      throw fail('network/failed', { method: request.method, url: request.url, reason });
    }
    return { status: answer.status, headers: answer.headers, body: Buffer.from(answer.body) };
  },
  close: async () => undefined,
});

export const silent: Log = { debug() {}, info() {}, warn() {} };
