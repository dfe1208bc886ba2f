import { appendFile, copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { startAcmeCa } from '../support/acme-ca.ts';
import { buildCertfleet, filesBelow, stderrOf, succeeded } from '../support/e2e.ts';
import { freePort, temporaryFolder } from '../support/service.ts';
import { stopAllAfterwards } from '../support/vitest.ts';

stopAllAfterwards();

it('a private CA without an intermediate is refused until the CA file contains the root that signs', async () => {
  const httpPort = await freePort();
  const [certfleet, ca, folder] = await Promise.all([
    buildCertfleet(),
    startAcmeCa({ settings: { leafAlone: true, httpPort } }),
    temporaryFolder('chain'),
  ]);
  const caFile = join(folder, 'ca.pem');
  await copyFile(ca.caFile, caFile);
  const flags = [
    ...['-d', '127.0.0.1', '--http', `standalone:127.0.0.1:${httpPort}`, '--http01-port', String(httpPort)],
    ...['--issuer', ca.directoryUrl, '--ca-file', caFile, '--agree-tos', '--store', join(folder, 'store')],
    ...['--deploy', `files:${join(folder, 'files')}`],
  ];
  const refused = await certfleet(['issue', ...flags]);
  expect(refused.status, refused.stderr).toBe(4);
  expect(stderrOf(refused)).toMatch(/comes alone, without the certificate of CN=Simulated Intermediate .* `caFile`/);
  expect(await filesBelow(join(folder, 'files')).catch(() => new Map())).toEqual(new Map());

  await appendFile(caFile, `\n${ca.intermediatePem}`);
  succeeded(await certfleet(['issue', ...flags]));
});
