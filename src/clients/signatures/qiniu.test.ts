import { expect, it } from 'vitest';
import { Secret } from '../../core/errors/secret.ts';
import { signQiniu } from './qiniu.ts';

const keys = { id: new Secret('ak'), secret: new Secret('sk') };
const body = '{"name": "test"}';

// From the tests of the vendor's SDK for Node.js.
it.each([
  ['GET', 'http://rs.qbox.me', 'application/x-www-form-urlencoded', 'Qiniu ak:CK4wBVOL6sLbVE4G4mrXqL_yEc4='],
  ['GET', 'http://rs.qbox.me', 'application/json', 'Qiniu ak:ksh7bJBnBzFO0yxJ_tLLUcg0csM='],
  ['POST', 'http://rs.qbox.me', 'application/json', 'Qiniu ak:IlW01tHjGQ0pGPXV_3jjR1AdD34='],
  ['GET', 'http://upload.qiniup.com', 'application/x-www-form-urlencoded', 'Qiniu ak:156x8Q4x1zadPcAyMRVDsioIyAk='],
])('signs a %s of %s with %s as the vendor’s SDK does', (method, url, contentType, expected) => {
  expect(signQiniu({ method, url: new URL(url), contentType, body }, keys)).toBe(expected);
});
