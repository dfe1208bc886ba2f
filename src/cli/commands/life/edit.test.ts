import { describe, expect, it } from 'vitest';
import { type CommandLine, commandLine } from '../../../../test/support/command-line.ts';
import { type Declared, storedOf } from '../../../../test/support/declared.ts';
import { withTraits } from '../../../config/adapters/engine-traits.ts';
import type { IssueRequest } from '../../../fleet.ts';
import { registry } from '../../../generated/registry.ts';

const name = 'www.example.com';
const declared: Declared = {
  spec: {
    name,
    identifiers: [name, '*.example.net'].map((value) => ({ type: 'dns', value })),
    issuer: 'letsencrypt',
    solver: 'standalone',
    solvers: { '*.example.net': 'rfc2136' },
    deploy: ['files:/etc/certs'],
    endpoints: [`${name}:443`],
    keyType: 'p384',
    hooks: { pre: 'stop it', deploy: 'reload it', first: { pre: 'warn all' } },
  },
  issuer: {
    directory: 'https://acme-v02.api.letsencrypt.org/directory',
    testDirectory: 'https://acme-staging-v02.api.letsencrypt.org/directory',
    email: ['ops@example.com'],
    agreeToTerms: true,
    test: false,
  },
  solver: { type: 'http01-responder', listen: '80' },
  solvers: {
    rfc2136: {
      type: 'dns01',
      provider: 'rfc2136',
      options: { server: 'ns1.example.com:53', keyName: 'acme', secret: 'file:/etc/tsig' },
    },
  },
  deployers: { 'files:/etc/certs': { type: 'files', path: '/etc/certs' } },
  preflight: { resolvers: ['9.9.9.9:53'], http01Port: 80 },
};
const asDeclared = storedOf(declared);
const kept = {
  ...asDeclared,
  parts: await Promise.all(
    asDeclared.parts.map(async (part) => ({ ...part, solver: await withTraits('solver', part.solver, registry) })),
  ),
  targets: await Promise.all(
    asDeclared.targets.map(async (one) => (one.name === 'deploy-hook' ? one : withTraits('deployer', one, registry))),
  ),
};

const edit = async (edits: (text: string) => string, more: CommandLine = {}) => {
  const shown: string[] = [];
  const done = await commandLine({
    fleet: { stored: { [name]: kept } },
    edits: (text) => {
      shown.push(text);
      return edits(text);
    },
    ...more,
  }).run('edit', name);
  const [request] = done.calls.filter((call): call is IssueRequest => typeof call === 'object' && 'adHoc' in call);
  return { ...done, shown, adHoc: request?.adHoc };
};

describe('edit', () => {
  it('shows the settings as in certfleet.yaml, and stores a change with all the rest as it was', async () => {
    const { code, shown, adHoc, stderr, written } = await edit((text) =>
      text.replace('keyType: p384', 'keyType: rsa2048'),
    );
    expect(shown[0]).toMatch(/^# The settings of www\.example\.com, as in certfleet\.yaml\./);
    expect(code).toBe(0);
    expect(adHoc).toEqual({ ...kept, keyType: 'rsa2048' });
    expect(stderr).toContain('key type: p384 → rsa2048');
    expect(written).toEqual({});
  });

  it.each([
    ['accountKey: RS256', 'account key: none → RS256', /agreeToTerms: true/],
    ['newAccount: true', 'a new account: none → if needed', /agreeToTerms: true/],
    ['limits: { newOrdersPerAccount: 9/3h }', 'rate limits: none → newOrdersPerAccount 9/3h', /agreeToTerms: true/],
  ])('names each change: %s', async (line, says, before) => {
    const { code, stderr } = await edit((text) => text.replace(before, `$&\n    ${line}`));
    expect(code).toBe(0);
    expect(stderr).toContain(says);
  });

  it.each([
    ['warn all', 'warn some', 'pre-hook: warn all, then stop it → warn some, then stop it'],
    ['        pre: warn all', '$&\n        deploy: first it', 'deploy hook: reload it → first it, then reload it'],
    ['        pre: warn all', '$&\n        post: after all', 'post-hook: none → after all'],
  ])('names a change of what runs before a hook: %s → %s', async (from, to, says) => {
    expect((await edit((text) => text.replace(from, to))).stderr).toContain(says);
  });

  it('refuses a setting of no certificate', async () => {
    const { code, stderr, adHoc } = await edit((text) => `${text}leaseTtl: 30s\n`);
    expect(code).toBe(2);
    expect(stderr).toContain('"leaseTtl" is no setting of a certificate; it belongs in certfleet.yaml');
    expect(adHoc).toBeUndefined();
  });

  it('removes a hook and a target', async () => {
    const { adHoc } = await edit((text) =>
      text
        .replace(/ *deploy: reload it\n/, '')
        .replace(/ +- files:.*\n/, '')
        .replace('deploy:\n', 'deploy: []\n'),
    );
    expect([adHoc?.hooks, adHoc?.targets]).toEqual([{ pre: 'stop it', first: { pre: 'warn all' } }, []]);
  });

  it('adds a folder for files, which needs no deployer of its own', async () => {
    const { adHoc } = await edit((text) => text.replace(/( +- )files:.*\n/, '$&$1files:/srv/more\n'));
    expect(adHoc?.targets).toMatchObject([
      { name: 'files:/etc/certs' },
      { name: 'files:/srv/more', settings: { type: 'files', path: '/srv/more' } },
      { name: 'deploy-hook' },
    ]);
  });

  it.each([
    ['no change', (text: string) => text],
    ['an empty file', () => ''],
  ])('does nothing for %s', async (_what, edits) => {
    const { code, stdout, adHoc, written } = await edit(edits);
    expect([code, stdout, adHoc, written]).toEqual([0, `${name}: nothing was changed\n`, undefined, {}]);
  });

  it('keeps what is not valid in a file, and says why, with the line', async () => {
    const { code, stderr, adHoc, written } = await edit((text) => text.replace('keyType: p384', 'keyType: dsa'));
    expect([code, adHoc]).toEqual([2, undefined]);
    expect(stderr).toMatch(/line \d+: .*keyType/);
    expect(stderr.replaceAll(/\s+/g, ' ')).toContain(
      'nothing was changed; what you wrote is in /tmp/edit/certfleet.yaml',
    );
    expect(written['/tmp/edit/certfleet.yaml']?.content).toContain('keyType: dsa');
  });

  it('opens it again at a terminal, with the complaints above the text', async () => {
    let times = 0;
    const fix = (text: string) => {
      times += 1;
      return times === 1
        ? text.replace('keyType: p384', 'keyType: dsa')
        : text.replace('keyType: dsa', 'keyType: p256');
    };
    const { shown, adHoc } = await edit(fix, { typed: 'y', isTerminal: true });
    expect(shown[1]).toMatch(/^#! line \d+: /);
    expect(adHoc?.keyType).toBe('p256');
  });

  it.each([
    ['another name', (text: string) => text.replace(`name: ${name}`, 'name: other'), /cannot be renamed/],
    [
      'no certificate',
      (text: string) => text.replace(/certificates:[\s\S]*?issuers:/, 'issuers:'),
      /exactly one certificate/,
    ],
  ])('refuses %s', async (_what, edits, message) => {
    const { code, stderr, adHoc } = await edit(edits);
    expect([code, adHoc]).toEqual([2, undefined]);
    expect(stderr).toMatch(message);
  });

  it.each([
    ['keeps what was written', (text: string) => text.replace('keyType: p384', 'keyType: p256'), 1],
    ['leaves nothing behind', (text: string) => text, 0],
  ])('%s if it is stopped in the editor', async (_what, edits, files) => {
    const line = commandLine({
      fleet: { stored: { [name]: kept } },
      edits: (text) => {
        line.kill('SIGINT');
        return edits(text);
      },
    });
    const done = await line.run('edit', name);
    expect([done.code, Object.keys(done.written).length]).toEqual([130, files]);
    expect(done.stderr.includes('what you wrote is in /tmp/edit/certfleet.yaml until you delete it')).toBe(files === 1);
  });

  it('has no secret in the text', async () => {
    const literal = storedOf({
      ...declared,
      solvers: { rfc2136: { type: 'dns01', provider: 'rfc2136', options: { secret: 'c2VjcmV0' } } },
    });
    const done = await edit((text) => text, { fleet: { stored: { [name]: literal } } });
    expect([done.code, done.shown]).toEqual([2, []]);
    expect(done.stderr.replaceAll(/\s+/g, ' ')).toContain('must not be written to an editor’s file');
    expect(done.stderr).not.toContain('c2VjcmV0');
  });

  it('names the file and the line of a declared certificate', async () => {
    const files = {
      '/c.yaml': `issuers: { le: { directory: letsencrypt, agreeToTerms: true } }
solvers: { web: { type: http01-responder } }
certificates:
  - identifiers: [${name}]
    name: ${name}
`,
    };
    const done = await commandLine({ files, edits: (text) => text }).run('edit', name, '--config', '/c.yaml');
    expect(done.code).toBe(2);
    expect(done.stderr.replaceAll(/\s+/g, ' ')).toContain(
      'in the configuration (/c.yaml:5) and can be changed only there',
    );
  });

  it('accepts no other name', async () => {
    const done = await commandLine({ edits: (text) => text }).run('edit', name);
    expect(done.stderr).toContain(`there is no certificate named "${name}"`);
  });
});
