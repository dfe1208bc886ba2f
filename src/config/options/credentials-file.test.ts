import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CredentialsProblem, parseCredentials } from '../../core/text/credentials-text.ts';
import { credentialsFile, profile, secret, z } from '../../define.ts';
import { optionFields } from '../registry/option-fields.ts';
import { optionsIn, whyLacking } from './credentials-file.ts';

const fields = optionFields(
  z.object({
    accessKeyId: secret('The id', {
      aliases: ['ALICLOUD_ACCESS_KEY', 'Ali_Key', 'AWS_ACCESS_KEY_ID', 'dns_aliyun_access_key'],
    }),
    accessKeySecret: secret('The secret', { aliases: ['ALICLOUD_SECRET_KEY', 'Ali_Secret', 'AWS_SECRET_ACCESS_KEY'] }),
    securityToken: secret('The token', { aliases: ['sts_token'] }).optional(),
    credentials: credentialsFile(['dns_aliyun_']),
    profile: profile(),
  }),
);
const read = (text: string, chosen?: string) =>
  Object.fromEntries(optionsIn(parseCredentials(text, chosen), fields, ['dns_aliyun_']));
const both = { accessKeyId: 'LTAI', accessKeySecret: 's3cret' };

describe('a file with credentials', () => {
  it.each([
    ['certbot’s INI', '# certbot\ndns_aliyun_access_key_id = LTAI\ndns_aliyun_access_key_secret = s3cret\n'],
    ['a plugin’s INI', 'dns_aliyun:dns_aliyun_access_key_id = LTAI\ndns_aliyun:dns_aliyun_access_key_secret = s3cret'],
    ['KEY=VALUE', 'export ALICLOUD_ACCESS_KEY="LTAI"\r\nALICLOUD_SECRET_KEY=\'s3cret\' # comment\r\n'],
    ['acme.sh’s account.conf', "SAVED_Ali_Key='LTAI'\nSAVED_Ali_Secret='s3cret'\nLOG_LEVEL=1"],
    [
      'AWS',
      '; mine\n[default]\naws_access_key_id = LTAI\naws_secret_access_key = s3cret\n[other]\naws_access_key_id = x\n',
    ],
    ['the only profile', '[work]\naws_access_key_id=LTAI\naws_secret_access_key=s3cret'],
    ['Alibaba Cloud', '[default]\nenable = true\ntype = access_key\naccess_key_id = LTAI\naccess_key_secret = s3cret'],
    ['JSON', '\ufeff{ "accessKeyId": "LTAI", "AccessKeySecret": "s3cret", "more": { "nested": [] }, "sts_token": "" }'],
    [
      'aliyun’s config.json',
      JSON.stringify({
        current: 'b',
        profiles: [
          { name: 'a', access_key_id: 'x', access_key_secret: 'y' },
          { name: 'b', mode: 'AK', access_key_id: 'LTAI', access_key_secret: 's3cret', sts_token: '' },
        ],
      }),
    ],
  ])('%s', (_name, text) => {
    expect(read(text)).toEqual(both);
  });

  it('chooses a profile by name, also as AWS writes it in its config file', () => {
    const text = '[default]\naccess_key_id = x\n[profile work]\naccess_key_id = LTAI\naccess_key_secret = s3cret';
    expect(read(text, 'work')).toEqual(both);
    const json = JSON.stringify({ profiles: [{ name: 'work', access_key_id: 'LTAI', access_key_secret: 's3cret' }] });
    expect(read(json, 'work')).toEqual(both);
  });

  it.each([
    ['a value with =', 'access_key_id = a=b==', 'a=b=='],
    ['a value with #', 'access_key_id = a#b', 'a#b'],
    ['a comment', 'access_key_id = ab  # comment', 'ab'],
    ['quotes with #', 'access_key_id = "a # b" # comment', 'a # b'],
    ['spaces', '  access_key_id=a b  ', 'a b'],
    ['quoted words', `access_key_id = "/opt/a b" "c"`, '"/opt/a b" "c"'],
    ['a quote in quotes', `access_key_id = "a" b"`, 'a" b'],
    ['one quote', `access_key_id = it's`, "it's"],
    ['the same twice', 'access_key_id = ab\naccess_key_id = ab', 'ab'],
    ['an empty one first', 'access_key_id =\nAli_Key = ab', 'ab'],
  ])('%s', (_name, text, value) => {
    expect(read(text)).toEqual({ accessKeyId: value });
  });

  it.each([
    ['access_key_id = s3cret\ntell-nobody', undefined, 'line 2 is not KEY=VALUE'],
    ['{ "accessKeyId": tell-nobody', undefined, 'it begins like JSON but is none'],
    ['access_key_id = tell-nobody\naccess_key_id = b', undefined, 'it has the key access_key_id twice'],
    ['[a]\nx = 1\n[b]\ny = 2', undefined, 'choose one of its profiles with `profile`; it has a, b'],
    ['[a]\nx = 1', 'c', 'it has no profile "c"; it has a'],
    ['x = 1', 'c', 'it has no profile "c"; it has none'],
    ['{}', 'c', 'it has no profile "c"'],
    ['{ "profiles": [{ "name": "a" }, { "name": "b" }] }', undefined, 'choose one of its profiles'],
  ])('%j: %s', (text, chosen, words) => {
    let error: unknown;
    try {
      read(text, chosen);
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toBeInstanceOf(CredentialsProblem);
    expect(String(error)).toContain(words);
    expect(String(error)).not.toContain('tell-nobody');
  });

  it('takes a key of certbot without its prefix', () => {
    expect(read('{ "access_key": "LTAI" }')).toEqual({ accessKeyId: 'LTAI' });
  });

  const none = 'it has none of the keys dns_aliyun_access_key, dns_aliyun_access_key_secret';
  it.each([
    ['nothing near', 'other = tell-nobody', none],
    ['a bare secret that ends with =', 'tellnobodytellnobody==', none],
    ['an empty value', 'dns_aliyun_access_key =', 'its key dns_aliyun_access_key is empty'],
    [
      'a typo',
      'dns_aliyun_acess_key = tell-nobody',
      `${none}; did you mean "dns_aliyun_access_key" where it has "dns_aliyun_acess_key"?`,
    ],
    ['a typo of a variable', 'Ali_Kye = tell-nobody', `${none}; did you mean "Ali_Key" where it has "Ali_Kye"?`],
    [
      'a typo in the prefix',
      'dns_alyiun_access_key = tell-nobody',
      `${none}; did you mean "dns_aliyun_access_key" where it has "dns_alyiun_access_key"?`,
    ],
    [
      'another provider',
      'dns_cloudflare_api_token = tell-nobody',
      `${none}; its keys begin with dns_cloudflare_, so it is for another provider`,
    ],
  ])('says why it has no option: %s', (_name, text, words) => {
    const secrets = fields.filter(({ name }) => /^accessKey/.test(name));
    expect(whyLacking(parseCredentials(text), secrets, fields, ['dns_aliyun_'])).toBe(words);
  });

  it('finds no typo in a key that it has used', () => {
    const lacking = fields.filter(({ name }) => name === 'accessKeySecret');
    const file = parseCredentials('dns_aliyun_access_key_id = a\ndns_aliyun_acces_key_secret = tell-nobody');
    expect(whyLacking(file, lacking, fields, ['dns_aliyun_'])).toBe(
      'it has no key dns_aliyun_access_key_secret; did you mean "dns_aliyun_access_key_secret" where it has "dns_aliyun_acces_key_secret"?',
    );
  });

  it('reads any text without another error', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
        try {
          read(text);
        } catch (error) {
          expect(error).toBeInstanceOf(CredentialsProblem);
        }
      }),
    );
  });
});
