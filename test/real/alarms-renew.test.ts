import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { buildCertfleet, type Certfleet, stderrOf } from '../support/e2e.ts';
import { atEnd, temporaryFolder } from '../support/service.ts';
import { stopAllAfterwards } from '../support/vitest.ts';

// `certfleet renew`, as a timer runs it, where the store cannot even be opened.

stopAllAfterwards();

let certfleet: Certfleet;
beforeAll(async () => {
  certfleet = await buildCertfleet();
});

it('a store that cannot be opened is told once a day, and not by status', async () => {
  const got: { readonly opened: readonly { readonly kind: string; readonly message: string }[] }[] = [];
  const server = createServer((request, answer) => {
    let body = '';
    request.on('data', (data) => {
      body += data;
    });
    request.on('end', () => {
      got.push(JSON.parse(body));
      answer.end();
    });
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  atEnd(async () => void server.close());
  const { port } = server.address() as AddressInfo;
  const folder = await temporaryFolder('alarms-renew');
  const [config, file] = [join(folder, 'certfleet.yaml'), join(folder, 'file')];
  await writeFile(file, '');
  await writeFile(
    config,
    JSON.stringify({
      store: { type: 'file', path: join(file, 'store') },
      alarms: { ops: { type: 'webhook', url: `http://127.0.0.1:${port}/` } },
      issuers: { le: { directory: 'https://127.0.0.1:1/directory', agreeToTerms: true } },
      solvers: { web: { type: 'http01-webroot', folders: [folder] } },
      certificates: [{ name: 'abc', identifiers: ['abc.example.com'], issuer: 'le', solver: 'web' }],
    }),
  );
  const env = { CERTFLEET_ROOT: folder, XDG_CACHE_HOME: join(folder, 'cache'), HTTP_PROXY: '' };
  const renew = () => certfleet(['renew', '--config', config], { env });
  const first = await renew();
  expect(stderrOf(first)).toContain(file);
  expect(first.status).not.toBe(0);
  expect(got.map(({ opened }) => opened.map(({ kind }) => kind))).toEqual([['store']]);
  expect(got[0]?.opened[0]?.message).toContain('cannot use the store');
  await renew();
  expect(got).toHaveLength(1);
  await certfleet(['status', '--config', config], { env });
  expect(got).toHaveLength(1);
});
