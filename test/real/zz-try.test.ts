import { expect, it } from 'vitest';
import { startRig } from '../crash/rig.ts';
import { stopAllAfterwards } from '../support/vitest.ts';
stopAllAfterwards();
it('issues', async () => {
  const rig = await startRig();
  const state = await rig.state('webroot');
  const t = Date.now();
  const ran = await rig.run(state, { command: 'issue', record: '/tmp/w/effects' });
  console.log(Date.now() - t, ran.status, ran.stdout, ran.stderr);
  const again = await rig.run(state, { command: 'renew', force: true });
  console.log(again.status, again.stdout, again.stderr);
  console.log(rig.proxy.requests.map((r) => `${r.kind} ${r.status}`).join('\n'));
  expect(ran.status).toBe(0);
});
