import { fail, isFailure } from '../../core/errors/errors.ts';
import type { AdapterSettings, ExternalAccount } from '../../core/spec/spec.ts';
import { present } from '../../core/text/present.ts';
import { secret, z } from '../../define.ts';
import { resolveOptions } from './options.ts';
import type { ResolveContext } from './secret-references.ts';

const kid = z
  .string()
  // The key ID is also the account's name, so it cannot be a reference.
  .regex(/^(?!(env|file):)[\x21-\x7e]{1,200}$/, {
    error: 'expected the key ID itself, 1 to 200 characters without spaces',
  })
  .meta({ title: 'Key id that the CA gave you', examples: ['kid-1'] });

const algorithm = z
  .enum(['HS256', 'HS384', 'HS512'], { error: 'expected HS256, HS384 or HS512' })
  .optional()
  .meta({ title: 'MAC algorithm: HS256 (default), HS384 or HS512, if the CA asks for another one' });

/**
 * The options of an external account (RFC 8555 §7.3.4), which are read, checked and stored like those of an adapter.
 */
export const externalAccount = {
  id: 'eab',
  options: z.strictObject({
    kid,
    hmacKey: secret('Key that the CA gave you with it', { aliases: ['LEGO_EAB_HMAC'] }),
    algorithm,
  }),
};

/** The external account as written in the configuration. */
export const eabFields = z.strictObject({
  kid,
  hmacKey: z
    .string()
    .min(1)
    .optional()
    .meta({
      title: 'Key that the CA gave you with it: `file:/path`, `env:NAME`, or the key itself',
      description: 'Needed once, to open the account. Without it: the variable `CERTFLEET_EAB_HMAC_KEY`.',
      examples: ['file:/etc/certfleet/eab.key'],
    }),
  algorithm,
});

export const externalAccountOf = ({
  kid: id,
  hmacKey,
  algorithm: alg,
}: z.infer<typeof eabFields>): ExternalAccount => ({
  kid: id,
  ...present({ hmacKey, algorithm: alg }),
});

/** Converts an external account to the form that the functions for options accept. */
export const eabSettings = (eab: ExternalAccount): AdapterSettings => ({ type: externalAccount.id, ...eab });

/** Reads the key of an issuer’s external account. Fails with `config/eab-key-missing`, or as {@link resolveOptions}. */
export async function resolveExternalAccount(eab: ExternalAccount, issuer: string, context: ResolveContext) {
  try {
    return await resolveOptions(externalAccount, eabSettings(eab), context);
  } catch (error) {
    if (!isFailure(error, 'config/credential-missing')) throw error;
    throw fail('config/eab-key-missing', { issuer, reason: error.message });
  }
}
