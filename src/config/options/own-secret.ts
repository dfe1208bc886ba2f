import { CertfleetError, fail } from '../../core/errors/errors.ts';
import { Secret } from '../../core/errors/secret.ts';
import { openValue, type ResolveContext } from './secret-references.ts';

/**
 * Reads a secret that certfleet itself uses, and no adapter: `file:/path`, `env:NAME` or the value itself. Fails with
 * `config/own-secret`.
 */
export async function openOwnSecret(option: string, value: string, context: ResolveContext): Promise<Secret> {
  try {
    const place = { ...context, what: 'the configuration', option, secret: true };
    return new Secret(String(await openValue(value, place)).trim());
  } catch (cause) {
    if (!(cause instanceof CertfleetError)) throw cause;
    throw fail('config/own-secret', { option, reason: cause.message }, { cause });
  }
}
