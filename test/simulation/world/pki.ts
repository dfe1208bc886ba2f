import { longestSkewMs } from '../../../src/core/ca/clock-skew.ts';
import { Secret } from '../../../src/core/errors/secret.ts';
import { type Identifier, identifierSet } from '../../../src/core/names/identifier.ts';
import { type AccountKeyType, keyTypeOfAccount } from '../../../src/core/spec/account-key.ts';
import type { KeyType } from '../../../src/core/spec/key-type.ts';
import type { CertificateFacts, Pki } from '../../../src/ports/pki.ts';
import {
  ariIdOf,
  certificatePem,
  encodeRequest,
  type FakeCertificate,
  keyPem,
  publicKeyOf,
  readCertificates,
  readKey,
  sha256,
} from './ca-model/fake-pem.ts';

/** As src/x509 allows for slow clocks. */
const slowClockMs = longestSkewMs + 60_000;

type Read = ReturnType<typeof readCertificates>[number];

/** The port Pki without cryptography, for certificates of the CA model. Keys come from `random`. */
export function createFakePki(random: () => number): Pki {
  let keys = 0;
  const newKey = (type: string): Secret => {
    keys += 1;
    return new Secret(keyPem({ type, secret: `${keys} ${random()}` }));
  };

  return {
    newKey: async (type: KeyType = 'p256') => newKey(type),
    newAccountKey: async (type: AccountKeyType = 'ES256') => newKey(keyTypeOfAccount[type] ?? 'ed25519'),

    keyType(key) {
      const { type } = readKey(key.reveal());
      return type === 'ed25519' ? undefined : (type as KeyType);
    },

    isFor({ spkiFingerprint }, key) {
      try {
        return publicKeyOf(key.reveal()) === spkiFingerprint;
      } catch {
        return false;
      }
    },

    csr: async (key, identifiers) => encodeRequest({ publicKey: publicKeyOf(key.reveal()), identifiers }),

    alpnCertificate: (key, { identifier, keyAuthorization }, now) =>
      certificatePem({
        ...{ serial: '01', subject: keyAuthorization, issuer: keyAuthorization, isCa: false },
        ...{ publicKey: publicKeyOf(key.reveal()), signedBy: publicKeyOf(key.reveal()), identifiers: [identifier] },
        ...{ notBefore: now.toISOString(), notAfter: now.toISOString() },
      }),

    answersAlpn(der, identifier, keyAuthorization) {
      const { subject, identifiers } = JSON.parse(Buffer.from(der).toString()) as FakeCertificate;
      return subject === keyAuthorization && identifierSet(identifiers) === identifierSet([identifier]);
    },

    readChain(chainPem) {
      const chain = ordered(chainPem);
      return { certificates: chain.map(({ fields }) => certificatePem(fields)), facts: factsOf(chain[0]) };
    },

    issuerNames: (certificates) => [
      ...new Set(certificates.flatMap(readCertificates).map(({ fields }) => fields.issuer)),
    ],

    mismatch(certPem, key, identifiers, now) {
      let facts: CertificateFacts;
      let isOurs: boolean;
      try {
        facts = factsOf(ordered(certPem)[0]);
        isOurs = publicKeyOf(key.reveal()) === facts.spkiFingerprint;
      } catch (error) {
        return (error as Error).message;
      }
      if (!isOurs) return 'it is for another key';
      return wrongNames(facts.identifiers, identifiers) ?? wrongTime(facts, now);
    },

    pkcs12: async ({ keyPem: key, certificates }) =>
      new TextEncoder().encode(JSON.stringify({ publicKey: publicKeyOf(key.reveal()), certificates })),

    brokenChain(certificates, roots, now) {
      const [leaf, ...issuers] = certificates.flatMap(readCertificates).map(({ fields }) => fields);
      if (leaf && issuers.length === 0) {
        const isSigned = readCertificates(roots).some(({ fields }) => fields.publicKey === leaf.signedBy);
        return isSigned ? undefined : `it comes alone, without the certificate of ${leaf.issuer} that signed it`;
      }
      let signed = leaf;
      for (const issuer of issuers) {
        if (signed?.signedBy !== issuer.publicKey) return `${issuer.subject} did not sign the certificate before it`;
        if (Date.parse(issuer.notAfter) <= now.getTime()) return `${issuer.subject} expired at ${issuer.notAfter}`;
        signed = issuer;
      }
      return undefined;
    },
  };
}

/** The leaf, and the issuer of each certificate after it. Throws a plain Error if there is no certificate. */
function ordered(chainPem: string): readonly [Read, ...Read[]] {
  const rest = [...readCertificates(chainPem)];
  const leafAt = Math.max(
    0,
    rest.findIndex(({ fields }) => !fields.isCa),
  );
  const [leaf] = rest.splice(leafAt, 1);
  if (!leaf) throw new Error('it contains no certificate');
  return [leaf, ...rest];
}

const factsOf = ({ der, fields }: Read): CertificateFacts => ({
  identifiers: fields.identifiers,
  notBefore: fields.notBefore,
  notAfter: fields.notAfter,
  serial: fields.serial,
  fingerprint: sha256(der),
  spkiFingerprint: fields.publicKey,
  ariId: ariIdOf(fields),
  issuerName: `CN=${fields.issuer}`,
});

function wrongNames(inside: readonly Identifier[], wanted: readonly Identifier[]): string | undefined {
  return identifierSet(inside) === identifierSet(wanted)
    ? undefined
    : `it names ${identifierSet(inside)}, not ${identifierSet(wanted)}`;
}

function wrongTime({ notBefore, notAfter }: CertificateFacts, now: Date): string | undefined {
  if (Date.parse(notBefore) > now.getTime() + slowClockMs) return `it is not valid before ${notBefore}`;
  if (Date.parse(notAfter) <= now.getTime()) return `it expired at ${notAfter}`;
  return undefined;
}
