import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { createCaModel } from '../simulation/world/ca-model/ca-model.ts';
import { createFakePki } from '../simulation/world/pki.ts';
import { boulderPrograms, startBoulder } from '../support/boulder.ts';
import { tryRules } from '../support/ca-rules.ts';
import { seeded } from '../support/seeded.ts';
import { repositoryRoot } from '../support/service.ts';
import { describeWith, stopAllAfterwards } from '../support/vitest.ts';

stopAllAfterwards();

const run = promisify(execFile);

/** What the model says to the same requests. */
async function onModel(): Promise<Readonly<Record<string, string>>> {
  const values = new Set<string>();
  const random = seeded('ca model');
  const ca = createCaModel({
    nowMs: () => Date.UTC(2026, 11, 1),
    random,
    later: (_ms, then) => then(),
    settings: {
      validate: ({ value }) =>
        values.has(`_acme-challenge.${value}.`) ? undefined : { type: 'unauthorized', detail: 'no TXT record' },
    },
  });
  return tryRules({
    issuer: ca.issuer('r1'),
    pki: createFakePki(random),
    txt: async (host) => void values.add(host),
    pause: async () => {},
  });
}

describeWith(boulderPrograms, 'the rules of the CA model, compared with Boulder', () => {
  it('answers as Boulder does', async () => {
    const { directoryUrl, caFile, inside } = await startBoulder({});
    const script = join(repositoryRoot, 'test/support/ca-rules-on-boulder.ts');
    const dns = `http://${new URL(directoryUrl).hostname}:8055/set-txt`;
    const [first = '', ...more] = [...inside, process.execPath, '--import', 'tsx', script, directoryUrl, caFile, dns];
    const { stdout } = await run(first, more, { cwd: repositoryRoot });
    expect(await onModel()).toEqual(JSON.parse(stdout));
  });
});
