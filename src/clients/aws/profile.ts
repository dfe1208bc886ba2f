import { basename, dirname, join } from 'node:path';
import { fail, reasonOf } from '../../core/errors/errors.ts';
import { Secret } from '../../core/errors/secret.ts';
import { CredentialsProblem, parseCredentials } from '../../core/text/credentials-text.ts';
import type { Files } from '../../ports/files.ts';

/**
 * The options of an adapter that name its keys, as `awsKeys()` of define.ts declares them. The first one given is used,
 * in this order: a role with its source, keys, a program, a web identity (IRSA), a container's credentials (ECS, EKS
 * Pod Identity), the instance's role.
 */
export interface AwsKeyOptions {
  readonly accessKeyId?: Secret | undefined;
  readonly secretAccessKey?: Secret | undefined;
  readonly sessionToken?: Secret | undefined;
  /** A file like ~/.aws/config or ~/.aws/credentials, and the profile in it that these options come from. */
  readonly credentials?: string | undefined;
  readonly profile?: string | undefined;
  readonly roleArn?: string | undefined;
  readonly roleSessionName?: string | undefined;
  readonly externalId?: string | undefined;
  /**
   * The source of the keys that assume the role: another profile of the file, or the environment that certfleet runs
   * in.
   */
  readonly sourceProfile?: string | undefined;
  readonly credentialSource?: (typeof credentialSources)[number] | undefined;
  readonly credentialProcess?: string | undefined;
  readonly webIdentityTokenFile?: string | undefined;
  readonly containerCredentialsPath?: string | undefined;
  readonly containerCredentialsUrl?: string | undefined;
  readonly containerToken?: Secret | undefined;
  readonly containerTokenFile?: string | undefined;
}

/** The sources, other than profiles, of the keys that assume a role, named as AWS names them. */
export const credentialSources = ['Environment', 'Ec2InstanceMetadata', 'EcsContainer'] as const;

const mostProfiles = 5;

/**
 * Returns the options of a source profile. As at AWS, a profile that names itself means its own keys, and a file
 * `config` is read together with a file `credentials` beside it, and vice versa.
 *
 * @param seen the profiles followed so far
 */
export async function nextProfile(
  profile: string,
  file: string | undefined,
  seen: readonly string[],
  { files, name }: { readonly files: Pick<Files, 'read'>; readonly name: string },
): Promise<AwsKeyOptions> {
  if (file === undefined)
    throw fail('config/credential-missing', {
      what: name,
      credential: `the option "credentials": the file with the profile ${profile}`,
    });
  const refuse = (reason: string) => fail('config/credentials-unusable', { file, what: name, reason, advice });
  const others = ['config', 'credentials'].filter((one) => one !== basename(file));
  const beside = others.length === 1 ? others.map((one) => join(dirname(file), one)) : [];
  let problem = `the profile "${profile}" has no keys, and names nothing that has some`;
  for (const path of [file, ...beside]) {
    try {
      const bytes = await files.read(path, { named: true });
      const found = bytes && optionsOf(parseCredentials(new TextDecoder().decode(bytes), profile));
      if (found === undefined) continue;
      if (!seen.includes(profile) && seen.length < mostProfiles) return { ...found, credentials: path, profile };
      const { accessKeyId, secretAccessKey, sessionToken } = found;
      if (accessKeyId !== undefined) return { accessKeyId, secretAccessKey, sessionToken };
      problem = `its profiles lead from one to the next without an end: ${[...seen, profile].join(', ')}`;
    } catch (error) {
      if (!(error instanceof CredentialsProblem)) throw refuse(`${path} cannot be read: ${reasonOf(error)}`);
      if (path === file) problem = error.message;
    }
  }
  throw refuse(problem);
}

const advice =
  'A profile needs keys, `credential_process`, or `role_arn` with `source_profile` or `credential_source`.';

/** Returns undefined if the profile has no source of keys, such as a profile with only a region. */
function optionsOf(found: ReadonlyMap<string, string>): AwsKeyOptions | undefined {
  const text = (key: string) => found.get(key) || undefined;
  const secret = (key: string) => {
    const value = text(key);
    return value === undefined ? undefined : new Secret(value);
  };
  const credentialSource = credentialSources.find((one) => one === text('credential_source'));
  const options: AwsKeyOptions = {
    accessKeyId: secret('aws_access_key_id'),
    secretAccessKey: secret('aws_secret_access_key'),
    sessionToken: secret('aws_session_token'),
    roleArn: text('role_arn'),
    roleSessionName: text('role_session_name'),
    externalId: text('external_id'),
    sourceProfile: text('source_profile'),
    credentialSource,
    credentialProcess: text('credential_process'),
    webIdentityTokenFile: text('web_identity_token_file'),
  };
  const { accessKeyId, credentialProcess, sourceProfile, webIdentityTokenFile } = options;
  const leads = [accessKeyId, credentialProcess, sourceProfile, credentialSource, webIdentityTokenFile];
  return leads.some((one) => one !== undefined) ? options : undefined;
}
