import { request } from 'node:http';
import type { Effective, Pool, Target } from './effective.ts';
import type { HealthCheck } from './model.ts';

export type Health = 'normal' | 'abnormal' | 'unavailable';

interface Checker {
  status: Health;
  passed: number;
  failed: number;
  stop(): void;
}

/** Real HTTP health checks, one for each target that something leads to. */
export interface Checks {
  /** Undefined if nothing checks the target. */
  health(pool: Pool, target: Target): Health | undefined;
  /** Checks what this configuration leads to, and no longer what only its predecessor did. */
  follow(owner: string, effective: Effective): void;
  stop(): void;
}

export function createChecks(secondMs: number): Checks {
  const checkers = new Map<string, Checker>();
  return {
    health: (pool, target) =>
      pool.check === undefined ? undefined : (checkers.get(target.key)?.status ?? 'unavailable'),
    follow(owner, effective) {
      const wanted = new Map<string, () => Checker>();
      for (const { routes, fallback } of effective.listeners.values())
        for (const pool of [...routes.map((route) => route.pool), ...(fallback === undefined ? [] : [fallback])]) {
          const { check } = pool;
          if (check === undefined) continue;
          for (const target of pool.targets) wanted.set(target.key, () => startChecker(target, check, secondMs));
        }
      for (const [key, checker] of checkers)
        if (key.startsWith(`${owner}|`) && !wanted.has(key)) {
          checker.stop();
          checkers.delete(key);
        }
      for (const [key, start] of wanted) if (!checkers.has(key)) checkers.set(key, start());
    },
    stop() {
      for (const checker of checkers.values()) checker.stop();
      checkers.clear();
    },
  };
}

function startChecker(target: Target, check: HealthCheck, secondMs: number): Checker {
  let timer: NodeJS.Timeout | undefined;
  let stopped = false;
  const checker: Checker = {
    status: 'unavailable',
    passed: 0,
    failed: 0,
    stop() {
      stopped = true;
      clearTimeout(timer);
    },
  };
  // A timeout below the interval does not count; the interval is taken for it. However short a second is here, a
  // backend on a busy machine gets real time to answer.
  const timeoutMs = Math.max(Math.max(check.timeout, check.interval) * secondMs, 2000);
  async function look(): Promise<void> {
    const passes = await passesOnce(target, check, timeoutMs);
    if (stopped) return;
    checker.passed = passes ? checker.passed + 1 : 0;
    checker.failed = passes ? 0 : checker.failed + 1;
    if (checker.passed >= check.healthy) checker.status = 'normal';
    if (checker.failed >= check.unhealthy) checker.status = 'abnormal';
    timer = setTimeout(look, check.interval * secondMs);
  }
  void look();
  return checker;
}

function passesOnce(target: Target, check: HealthCheck, timeoutMs: number): Promise<boolean> {
  const classes = check.codes.split(',').map((code) => Number(code[5]));
  return new Promise((answer) => {
    const asking = request({
      host: target.address,
      port: check.port === 0 ? target.port : check.port,
      method: check.method.toUpperCase(),
      path: check.uri,
      headers: {
        host: check.domain === '' || check.domain === '$_ip' ? target.ip : check.domain,
        'user-agent': 'SLBHealthCheck',
      },
      agent: false,
    });
    const limit = setTimeout(() => asking.destroy(new Error('timed out')), timeoutMs);
    asking.on('response', (response) => {
      response.resume();
      clearTimeout(limit);
      answer(classes.includes(Math.floor((response.statusCode ?? 0) / 100)));
      response.once('end', () => asking.destroy());
    });
    asking.on('error', () => {
      clearTimeout(limit);
      answer(false);
    });
    asking.end();
  });
}
