import { problemType } from '../core/ca/problem-advice.ts';
import { fail } from '../core/errors/errors.ts';
import { toBase64url } from '../core/text/encoding.ts';
import { present } from '../core/text/present.ts';
import type { Revocation, Revoked } from '../ports/issuer.ts';
import { splitPem } from '../x509/pem.ts';
import type { Resources } from './directory.ts';
import type { Requests, SignedAsk } from './requests.ts';

/** Revokes a certificate (RFC 8555 §7.6), signed by the account or by the certificate's own key. */
export async function revoke(
  requests: Requests,
  { revokeCert }: Resources,
  { certificatePem, reason }: Revocation,
  ask: SignedAsk,
): Promise<Revoked> {
  if (revokeCert === undefined) throw fail('acme/cannot', { issuer: requests.name, what: 'revoke a certificate' });
  const [leaf] = splitPem(certificatePem);
  if (leaf === undefined) throw fail('bug/unexpected', { reason: 'there is no certificate to revoke' });
  const payload = { certificate: toBase64url(leaf), ...present({ reason }) };
  try {
    await requests.change(revokeCert, payload, ask);
    return 'now';
  } catch (error) {
    if (problemType(error) === 'alreadyRevoked') return 'before';
    throw error;
  }
}
