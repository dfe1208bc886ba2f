import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { healthOf } from '../../src/daemon/health.ts';
import { tellSystemd } from '../../src/daemon/systemd.ts';
import { createVitals } from '../../src/engine/steady/vitals.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { createProcesses } from '../../src/lib/processes/processes.ts';
import { fakeClock } from '../../src/testing/fake-clock.ts';
import { startDaemon } from '../support/daemon.ts';
import { startMovedClockHome } from '../support/moved-clock-home.ts';
import { temporaryFolder, until } from '../support/service.ts';
import { storeWorld } from '../support/store-world.ts';
import { describeWith, stopAllAfterwards } from '../support/vitest.ts';

stopAllAfterwards();

/** What systemd does: it listens on a datagram socket, and prints what it hears. */
const listener = `
import socket, sys
heard = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
heard.bind(sys.argv[1])
print('listening', flush=True)
while True:
    print(heard.recv(4096).decode().replace(chr(10), ' '), flush=True)
`;

async function startListener() {
  const socket = join(await temporaryFolder(), 'notify');
  const child = spawn('python3', ['-c', listener, socket], { stdio: ['ignore', 'pipe', 'inherit'] });
  onTestFinished(() => void child.kill('SIGKILL'));
  let heard = '';
  child.stdout.on('data', (data) => (heard += data));
  const hears = (text: string, times: number) =>
    until(() => heard.split(text).length === times + 1, { what: `${text} ${times} times: ${heard}` });
  await hears('listening', 1);
  return { socket, hears, heard: () => heard };
}

describeWith(['systemd-notify', 'python3'], 'sd_notify', () => {
  it('hears when `certfleet run` is ready, and when it stops', async () => {
    const [{ run }, { socket, hears, heard }] = await Promise.all([startMovedClockHome(), startListener()]);
    const env = { NOTIFY_SOCKET: socket, WATCHDOG_USEC: '120000000' };
    const daemon = startDaemon({ certfleet: run }, { env });
    await hears('READY=1', 1);
    await hears('WATCHDOG=1', 1);
    await daemon.saw('"run.ready"');
    expect(heard()).not.toContain('STOPPING');
    expect(await daemon.stop()).toMatchObject({ status: 0, stderr: '' });
    await hears('STOPPING=1', 1);
  });

  it('tells that it is ready, that it turns, and that it stops', async () => {
    const { socket, hears, heard } = await startListener();
    const clock = fakeClock();
    const vitals = createVitals(clock);
    const [stopping, over] = [new AbortController(), new AbortController()];
    const warnings: string[] = [];
    const telling = tellSystemd(
      {
        world: storeWorld({
          ...{ clock, processes: createProcesses(systemClock) },
          log: { debug: () => {}, info: () => {}, warn: (message) => void warnings.push(message) },
        }),
        env: {
          NOTIFY_SOCKET: socket,
          WATCHDOG_USEC: '120000000',
          WATCHDOG_PID: String(process.pid),
          PATH: process.env['PATH'],
        },
        health: () => healthOf(vitals, clock.monotonicMs(), stopping.signal.aborted),
        stopping: stopping.signal,
        vitals,
      },
      over.signal,
    );
    vitals.turned(3_600_000);
    expect(heard()).not.toContain('READY');
    vitals.ready();
    await hears('READY=1', 1);
    await hears('WATCHDOG=1', 1);
    await until(() => clock.waiting === 1, { what: 'it sleeps' });
    await clock.advance(60_000);
    await hears('WATCHDOG=1', 2);
    // The loop hangs: it turns late, and then not at all.
    vitals.turns();
    await until(() => clock.waiting === 1, { what: 'it sleeps' });
    await clock.advance(60_000);
    await hears('WATCHDOG=1', 3);
    await until(() => clock.waiting === 1, { what: 'it sleeps' });
    await clock.advance(600_000);
    await until(() => clock.waiting === 1, { what: 'it sleeps' });
    // The first of its looks was still within the patience.
    await hears('WATCHDOG=1', 4);
    vitals.turned(0);
    await clock.advance(60_000);
    await hears('WATCHDOG=1', 5);

    stopping.abort();
    await hears('STOPPING=1', 1);
    over.abort();
    await telling;
    expect(warnings).toEqual([]);
  });
});
