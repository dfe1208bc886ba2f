import { keyTypes } from '../../core/spec/key-type.ts';
import type { Flag } from './commands.ts';

/** Flags of `issue` that describe the certificate, besides its names. `wish-flags.ts` reads them. */
export const choiceFlags: readonly Flag[] = [
  {
    flags: '--profile <name>',
    description: 'certificate profile of the CA, for example shortlived; `none` for the CA’s default',
  },
  {
    flags: '--not-before <when>',
    description: 'when it begins to be valid, if the CA lets you choose: -1h, or a time in RFC 3339; or `none`',
  },
  {
    flags: '--not-after <when>',
    description: 'when its validity ends, if the CA lets you choose: 30d, or a time in RFC 3339; or `none`',
  },
  {
    flags: '--key-type <type>',
    values: keyTypes,
    description:
      'private key: p256, p384, rsa2048, rsa3072 or rsa4096 (default, and with `none`: the type that the certificate has, else p256)',
  },
  { flags: '--reuse-key', description: 'renew with the same private key' },
  { flags: '--no-reuse-key', description: 'make a new private key for every certificate (default)' },
  {
    flags: '--on-failed-name <what>',
    values: ['fail', 'drop'],
    description: 'if a name is refused: fail (default), or drop it and get the certificate for the others',
  },
  {
    flags: '--preferred-chain <name>',
    description:
      'common name of an issuer in the chain to choose, if the CA offers several; `none` for the CA’s choice',
  },
];
