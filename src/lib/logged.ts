import { isFailure, reasonOf } from '../core/errors/errors.ts';
import type { Clock } from '../ports/clock.ts';
import type { Http } from '../ports/http.ts';
import type { Log } from '../ports/log.ts';
import type { Vantage } from '../ports/vantage.ts';
import { printAddress, speakable } from './http/urls.ts';

interface Logging {
  readonly log: Log;
  readonly clock: Clock;
}

/** Adds a debug line for each exchange, without headers and bodies. */
export const loggedHttp = (http: Http, logging: Logging, hidesPaths = false): Http => ({
  request: (request) =>
    logged(
      logging,
      `${request.method} ${speakable(request.url, hidesPaths)}`,
      () => http.request(request),
      ({ status }) => status,
    ),
  close: () => http.close(),
});

/** Adds a debug line for each check. */
export const loggedVantage = (vantage: Vantage, logging: Logging): Vantage => ({
  name: vantage.name,
  get: (url, at, signal) =>
    logged(
      logging,
      `GET ${speakable(url)} at ${printAddress(at)}`,
      () => vantage.get(url, at, signal),
      ({ status }) => status,
    ),
  handshake: (endpoint, signal) => {
    const what = `TLS ${endpoint.serverName || endpoint.address} at ${printAddress(endpoint)}`;
    return logged(
      logging,
      what,
      () => vantage.handshake(endpoint, signal),
      () => 'handshake done',
    );
  },
});

async function logged<T>(
  { log, clock }: Logging,
  what: string,
  exchange: () => Promise<T>,
  wordsOf: (answer: T) => string | number,
): Promise<T> {
  const startMs = clock.monotonicMs();
  const took = () => `${Math.round(clock.monotonicMs() - startMs)} ms`;
  try {
    const answer = await exchange();
    log.debug(`${what}: ${wordsOf(answer)} in ${took()}`);
    return answer;
  } catch (error) {
    // These messages already begin with the request.
    const words = isFailure(error, 'network/') ? error.message : `${what}: ${reasonOf(error)}`;
    log.debug(`${words} after ${took()}`);
    throw error;
  }
}
