import { z } from '../../define.ts';

/** Claims that people often choose themselves, so that they could take what is someone else’s. */
const chosen = ['name', 'given_name', 'family_name', 'nickname', 'preferred_username', 'profile', 'picture', 'website'];

/** Nobody between this machine and the provider may read or change what they say. */
const issuer = /^(https:\/\/[^\s?#@\\]+|http:\/\/(localhost|127\.0\.0\.1|\[::1\])(:\d+)?(\/[^\s?#\\]*)?)$/;

const values = (title: string) => z.array(z.string().min(1)).default([]).meta({ title });

/** The option `oidc` of `pages`. */
export const oidc = z.strictObject({
  issuer: z
    .string()
    .refine((text) => issuer.test(text) && URL.canParse(text), {
      error: 'must be the https:// URL of the provider; http:// is for one on this machine',
    })
    .meta({
      title: 'URL of the provider, exactly as it names itself',
      examples: ['https://login.example.com/realms/main'],
    }),
  clientId: z
    .string()
    .min(1)
    .meta({ title: 'What the provider calls certfleet', examples: ['certfleet'] }),
  clientSecret: z
    .string()
    .min(1)
    .meta({
      title: 'The secret of that client: `file:/path`, `env:NAME`, or the secret itself',
      examples: ['file:/etc/certfleet/oidc.secret'],
    }),
  scopes: z
    .array(z.string().regex(/^[\x21\x23-\x5b\x5d-\x7e]+$/, { error: 'must be the name of a scope' }))
    .default(['profile', 'email'])
    .meta({ title: 'What the provider is asked for, besides `openid`', examples: [['profile', 'groups']] }),
  claim: z
    .string()
    .min(1)
    .refine((name) => !chosen.includes(name), { error: 'must be a claim that people cannot choose themselves' })
    .default('groups')
    .meta({
      title: 'The claim that decides who has which role: a text, or a list of them',
      description: 'With `email`, only addresses count that the provider has verified.',
      examples: ['groups'],
    }),
  roles: z
    .strictObject({
      viewer: values('Values that make someone a viewer'),
      operator: values('Values that make someone an operator'),
      admin: values('Values that make someone an administrator'),
    })
    .refine((lists) => Object.values(lists).some((list) => list.length > 0), {
      error: 'name at least one value that gives a role, like admin: [certfleet-admins]',
    })
    .meta({
      title:
        'The values of the claim for each role. Of several, the highest role counts; without any, a login is refused',
      examples: [{ admin: ['certfleet-admins'], viewer: ['staff'] }],
    }),
});
