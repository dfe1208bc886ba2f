import { type KeyType, keyTypes } from '../../core/spec/key-type.ts';
import type { Wishes } from '../../core/spec/spec.ts';
import { dateProblem } from '../../core/spec/validity.ts';
import { oneOf } from '../../core/text/one-of.ts';
import { present } from '../../core/text/present.ts';
import { z } from '../../define.ts';

const date = (title: string, example: string) =>
  z
    .string()
    .refine((text) => dateProblem(text) === undefined, { error: ({ input }) => dateProblem(String(input)) })
    .optional()
    .meta({
      title: `${title}: a duration from now, or a time in RFC 3339`,
      description: 'Many CAs, Let’s Encrypt among them, refuse such orders; Google Trust Services takes 1 to 90 days.',
      examples: [example],
    });

/** The options of a certificate in certfleet.yaml that describe the wanted certificate, besides its names. */
export const wishes = {
  profile: z
    .string()
    .min(1)
    .optional()
    .meta({ title: 'Certificate profile of the CA', examples: ['shortlived'] }),
  notBefore: date('When it begins to be valid', '-1h'),
  notAfter: date('When its validity ends', '30d'),
  keyType: z
    .enum(keyTypes, { error: oneOf(keyTypes) })
    .optional()
    .meta({
      title: 'Type of the private key',
      description: 'Without it, a first certificate gets p256, and a renewed one the type that it has.',
      examples: ['rsa2048'],
    }),
  reuseKey: z
    .boolean()
    .optional()
    .meta({ title: 'Renew with the same private key; without it, every certificate gets a new one' }),
  preferredChain: z
    .string()
    .min(1)
    .max(200)
    .optional()
    .meta({
      title: 'Common name of an issuer in the chain to choose, if the CA offers several',
      description: 'If no chain has it, the CA’s usual one is used, with a warning.',
      examples: ['ISRG Root X1'],
    }),
  onFailedName: z.enum(['fail', 'drop'], { error: 'expected fail or drop' }).optional().meta({
    title: 'If a name is refused: `fail` orders nothing (the default), `drop` goes on without it',
    description: 'A dropped name is asked for again at the next renewal. At least one name must remain.',
  }),
};

type Given = { readonly [Option in keyof typeof wishes]?: z.infer<(typeof wishes)[Option]> };

/** Returns the wishes of a certificate as they are stored, without omitted ones. */
export function wishesOf({
  profile,
  notBefore,
  notAfter,
  keyType,
  reuseKey,
  preferredChain,
  onFailedName,
}: Given): Wishes {
  const validity = present({ notBefore, notAfter });
  return present({
    profile,
    validity: Object.keys(validity).length === 0 ? undefined : validity,
    keyType,
    reuseKey: reuseKey === true ? reuseKey : undefined,
    preferredChain,
    onFailedName: onFailedName === 'drop' ? onFailedName : undefined,
  });
}

const sameTypes: Readonly<Record<string, KeyType>> = {
  ecdsa: 'p256',
  ec256: 'p256',
  'ec-256': 'p256',
  secp256r1: 'p256',
  ec384: 'p384',
  'ec-384': 'p384',
  secp384r1: 'p384',
  rsa: 'rsa2048',
  '2048': 'rsa2048',
  '3072': 'rsa3072',
  '4096': 'rsa4096',
};

/**
 * Returns the key type for a name in certfleet or another client: `p384`, `secp384r1` and `rsa` (certbot), `ec-384`
 * (acme.sh).
 */
export function keyTypeNamed(text: string): KeyType | undefined {
  const typed = text.toLowerCase();
  const named = Object.hasOwn(sameTypes, typed) ? sameTypes[typed] : typed;
  return keyTypes.find((type) => type === named);
}
