import type { Revocation, Revoked } from '../../../../src/ports/issuer.ts';
import { reusable } from './authorizations.ts';
import { readCertificates } from './fake-pem.ts';
import { refuse } from './refusal.ts';
import type { Account, Ca, StoredCertificate } from './state.ts';

/** Revocation (RFC 8555 §7.6), by an account or by the certificate's own key. */

const allowedReasons = [0, 1, 4, 5];

export function revokeByAccount(ca: Ca, account: Account, request: Revocation): Revoked {
  const certificate = certificateIn(ca, request);
  const controls = certificate.identifiers.every((identifier) =>
    Object.keys({ '': 0, ...ca.settings.profiles }).some((profile) =>
      reusable(ca, { account, profile, identifier }, ca.nowMs()),
    ),
  );
  if (certificate.account !== account && !controls)
    throw refuse(
      403,
      'unauthorized',
      `Unable to revoke :: requester does not control all identifiers in cert with serial "${certificate.serial}"`,
    );
  return revoke(ca, certificate, false);
}

export function revokeByKey(ca: Ca, publicKey: string, request: Revocation): Revoked {
  const certificate = certificateIn(ca, request);
  if (certificate.publicKey !== publicKey)
    throw refuse(
      403,
      'unauthorized',
      'Unable to revoke :: JWK embedded in revocation request must be the same public key as the cert to be revoked',
    );
  return revoke(ca, certificate, true);
}

function certificateIn(ca: Ca, { certificatePem, reason = 0 }: Revocation): StoredCertificate {
  const [leaf] = readCertificates(certificatePem);
  const certificate = leaf && ca.state.certificates.get(leaf.fields.serial);
  if (!certificate) throw refuse(404, 'malformed', 'Unable to revoke :: No such certificate');
  if (certificate.notAfterMs < ca.nowMs())
    throw refuse(403, 'unauthorized', 'Unable to revoke :: Certificate is expired');
  if (!allowedReasons.includes(reason))
    throw refuse(400, 'badRevocationReason', `Unable to revoke :: disallowed revocation reason: ${reason}`);
  return certificate;
}

/** The key may revoke again what an account has revoked: it says that it is compromised. */
function revoke(ca: Ca, certificate: StoredCertificate, isByKey: boolean): Revoked {
  const { revoked } = certificate;
  if (revoked && (revoked.isByKey || !isByKey)) return 'before';
  certificate.revoked = { atMs: ca.nowMs(), explanationUrl: revoked?.explanationUrl, isByKey };
  return 'now';
}
