import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Alarm } from '../../src/core/alarm/alarm.ts';
import { atEnd } from './service.ts';

/** A service that gets alarms by webhook, and keeps what it gets. */
export interface AlarmReceiver {
  readonly url: string;
  /** The keys of the alarms, in order: + opened, = repeated, - resolved. */
  readonly got: readonly string[];
}

export async function startAlarmReceiver(): Promise<AlarmReceiver> {
  const got: string[] = [];
  const server = createServer((request, answer) => {
    let body = '';
    request.on('data', (data) => (body += data));
    request.on('end', () => {
      const news = JSON.parse(body) as Readonly<Record<'opened' | 'repeated' | 'resolved', readonly Alarm[]>>;
      const signs = { '+': news.opened, '=': news.repeated, '-': news.resolved };
      for (const [sign, alarms] of Object.entries(signs)) got.push(...alarms.map(({ key }) => sign + key));
      answer.end();
    });
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  atEnd(() => void server.close());
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, got };
}
