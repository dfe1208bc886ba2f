import { expect, it } from 'vitest';
import { resolveOptions, type WithOptions } from '../config/options/options.ts';
import type { Files } from '../ports/files.ts';
import azure from './azure.ts';
import baiducloud from './baiducloud.ts';
import google from './google.ts';
import huaweicloud from './huaweicloud.ts';
import jdcloud from './jdcloud.ts';
import route53 from './route53.ts';
import volcengine from './volcengine.ts';

// The files that the vendors and other clients have for the same credentials, and the variables of lego.

const id = '00000000-0000-4000-8000-000000000001';
const serviceAccount = {
  ...{ type: 'service_account', project_id: 'my-project', private_key_id: 'k1', private_key: 'pem\n' },
  ...{ client_email: 'a@my-project.iam.gserviceaccount.com', token_uri: 'https://oauth2.googleapis.com/token' },
};
const pem = { clientEmail: serviceAccount.client_email, privateKey: 'pem\n', project: 'my-project' };

it.each<[WithOptions, string, string, object]>([
  [google, 'credentials', JSON.stringify(serviceAccount), pem],
  [google, 'GOOGLE_APPLICATION_CREDENTIALS', JSON.stringify(serviceAccount), pem],
  [
    google,
    'GOOGLE_APPLICATION_CREDENTIALS',
    JSON.stringify({ type: 'external_account', audience: '//iam/p', credential_source: { file: '/run/token' } }),
    { audience: '//iam/p' },
  ],
  [route53, 'credentials', '[default]\naws_access_key_id = A1\naws_secret_access_key = S1\n', keys('A1', 'S1')],
  [
    route53,
    'AWS_SHARED_CREDENTIALS_FILE',
    '[default]\naws_access_key_id=A1\naws_secret_access_key=S1\n',
    keys('A1', 'S1'),
  ],
  [
    route53,
    'credentials',
    '[default]\nrole_arn = arn:aws:iam::1:role/dns\nsource_profile = base\nexternal_id = x1\nrole_session_name = s1\n',
    { roleArn: 'arn:aws:iam::1:role/dns', sourceProfile: 'base', externalId: 'x1', roleSessionName: 's1' },
  ],
  [route53, 'credentials', '[default]\ncredential_process = "/opt/a b" -x\n', { credentialProcess: '"/opt/a b" -x' }],
  [
    azure,
    'credentials',
    // What `az ad sp create-for-rbac --sdk-auth` prints.
    JSON.stringify({ clientId: id, clientSecret: 's1', subscriptionId: id, tenantId: id, galleryEndpointUrl: 'x' }),
    { clientId: id, clientSecret: 's1', subscriptionId: id, tenantId: id, environment: 'public' },
  ],
  [
    azure,
    'credentials',
    // That of certbot's plugin, with the subscription.
    `dns_azure_sp_client_id = ${id}\ndns_azure_sp_client_secret = s1\ndns_azure_tenant_id = ${id}
dns_azure_environment = "AzureChinaCloud"\ndns_azure_subscription_id = ${id}\n`,
    { clientId: id, clientSecret: 's1', tenantId: id, environment: 'AzureChinaCloud' },
  ],
  [
    huaweicloud,
    'credentials',
    'HUAWEICLOUD_ACCESS_KEY_ID=A1\nHUAWEICLOUD_SECRET_ACCESS_KEY=S1\nHUAWEICLOUD_REGION=ap-southeast-1\n',
    { ...keys('A1', 'S1'), region: 'ap-southeast-1' },
  ],
  [volcengine, 'credentials', 'VOLC_ACCESSKEY=A1\nVOLC_SECRETKEY=S1\n', keys('A1', 'S1')],
  [baiducloud, 'credentials', 'BAIDUCLOUD_ACCESS_KEY_ID=A1\nBAIDUCLOUD_SECRET_ACCESS_KEY=S1\n', keys('A1', 'S1')],
  [jdcloud, 'credentials', 'JDCLOUD_ACCESS_KEY_ID=A1\nJDCLOUD_ACCESS_KEY_SECRET=S1\n', keys('A1', 'S1')],
])('$id takes the file that %s names', async (definition, named, content, wanted) => {
  const files: Pick<Files, 'read' | 'stat'> = {
    read: async () => new TextEncoder().encode(content),
    stat: async () => ({ kind: 'file', size: 1, links: 1, mode: 0o600, uid: 0, gid: 0, modifiedMs: 0, changedMs: 0 }),
  };
  const [settings, env] = named === 'credentials' ? [{ credentials: '/file' }, {}] : [{}, { [named]: '/file' }];
  const { options } = await resolveOptions(definition, { type: definition.id, ...settings }, { env, files });
  const opened = Object.fromEntries(
    Object.entries(options).map(([name, value]) => [name, isSecret(value) ? value.reveal() : value]),
  );
  expect(opened).toMatchObject(wanted);
});

function keys(accessKeyId: string, secretAccessKey: string) {
  return { accessKeyId, secretAccessKey };
}

const isSecret = (value: unknown): value is { reveal(): string } =>
  typeof value === 'object' && value !== null && 'reveal' in value;
