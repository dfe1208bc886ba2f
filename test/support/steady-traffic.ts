import http from 'node:http';
import type { Socket } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import { isLong } from './seeded.ts';

/** How many requests a test of an adapter alone sends. */
export const adapterRequests = isLong ? 5_000 : 1_250;

/** How many requests a test of the whole circle sends, in which rules come and go several times. */
export const circleRequests = isLong ? 5_000 : 2_000;

export interface TrafficOptions {
  /** Of the load balancer on 127.0.0.1. */
  readonly port: number;
  readonly hosts: readonly string[];
  /** The path of the nth request; the paths must be those of the web, not of challenges. */
  readonly path: (nth: number) => string;
  /** The body that the request must get. */
  readonly expected: (host: string, path: string) => string | RegExp;
  /** How many requests a second to begin, and how many in all. */
  readonly perSecond: number;
  readonly total: number;
}

export interface Traffic {
  /** Whether all requests have begun. */
  readonly isOver: boolean;
  /** Resolves when all requests have been answered. */
  readonly done: Promise<TrafficResult>;
}

export interface TrafficResult {
  /** Requests on connections that were kept from one before, and on new ones. */
  readonly kept: number;
  readonly fresh: number;
  /** Errors and wrong answers, in words. */
  readonly wrong: readonly string[];
  readonly perSecond: number;
}

/**
 * Requests at a steady rate, as users of the service send them: every other one on a connection of its own. A server may
 * close a kept connection between two requests (RFC 9112 §9.5), and then a request without any answer is sent again on
 * a new connection, as every browser does.
 */
export function startTraffic(options: TrafficOptions): Traffic {
  const { port, hosts, path: pathOf, expected, perSecond, total } = options;
  const keepAlive = new http.Agent({ keepAlive: true, maxSockets: 32, scheduling: 'fifo' });
  const wrong: string[] = [];
  // `reusedSocket` is not set on a request that has waited for a connection of the agent.
  const used = new WeakSet<Socket>();
  let [kept, fresh, begun] = [0, 0, 0];

  const request = (host: string, path: string, agent: http.Agent | false): Promise<void> =>
    new Promise((answered) => {
      let [hasAnswer, isReused] = [false, false];
      const sent = http.get({ port, host: '127.0.0.1', path, agent, headers: { host } }, (response) => {
        hasAnswer = true;
        if (isReused) kept += 1;
        else fresh += 1;
        let body = '';
        response.setEncoding('utf8');
        response.on('data', (chunk) => (body += chunk));
        response.on('end', () => {
          const right = expected(host, path);
          const isRight = typeof right === 'string' ? body === right : right.test(body);
          if (response.statusCode !== 200 || !isRight)
            wrong.push(`${host}${path}: ${response.statusCode} ${body.slice(0, 80)}`);
          answered();
        });
        response.on('error', (error) => {
          wrong.push(`${host}${path}: cut: ${error.message}`);
          answered();
        });
      });
      sent.on('socket', (socket) => {
        isReused = used.has(socket);
        used.add(socket);
      });
      sent.setTimeout(10_000, () => sent.destroy(new Error('no answer within 10 s')));
      sent.on('error', (error: NodeJS.ErrnoException) => {
        if (hasAnswer) return;
        if (isReused && error.code === 'ECONNRESET') return answered(request(host, path, false));
        wrong.push(`${host}${path}: ${error.message}`);
        answered();
      });
    });

  const run = async (): Promise<TrafficResult> => {
    const start = performance.now();
    const all: Promise<void>[] = [];
    while (begun < total) {
      const due = Math.min(total, Math.ceil(((performance.now() - start) * perSecond) / 1000));
      for (; begun < due; begun++) {
        const host = hosts[begun % hosts.length]!;
        all.push(request(host, pathOf(begun), begun % 2 === 0 ? keepAlive : false));
      }
      await wait(5);
    }
    await Promise.all(all);
    const seconds = (performance.now() - start) / 1000;
    keepAlive.destroy();
    return { kept, fresh, wrong, perSecond: total / seconds };
  };
  const done = run();
  return {
    done,
    get isOver() {
      return begun >= total;
    },
  };
}

/** One GET on a new connection. */
export const getOnce = (
  port: number,
  host: string,
  path: string,
): Promise<{ readonly status: number; readonly body: string }> =>
  new Promise((answer, reject) => {
    http
      .get({ port, host: '127.0.0.1', path, agent: false, headers: { host } }, (response) => {
        let body = '';
        response.setEncoding('utf8');
        response.on('data', (chunk) => (body += chunk));
        response.on('end', () => answer({ status: response.statusCode ?? 0, body }));
        response.on('error', reject);
      })
      .on('error', reject);
  });
