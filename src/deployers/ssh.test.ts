import { describe, expect, it } from 'vitest';
import { Secret } from '../core/errors/secret.ts';
import type { World } from '../ports/world.ts';
import ssh from './ssh.ts';

const parse = (options: Record<string, unknown>) => ssh.options.safeParse({ path: '/etc/certs', ...options });
const problem = (options: Record<string, unknown>) => parse(options).error?.issues[0]?.message;

describe('the options of the ssh deployer', () => {
  it.each([
    ['10.0.0.1', true],
    ['node2.example.com:2222', true],
    ['deploy@node2:22', true],
    ['deploy@[2001:db8::1]:22', true],
    ['[2001:db8::1]', true],
    ['2001:db8::1', false],
    ['node:70000', false],
    ['node:0', false],
    ['a@b@node', false],
    ['node two', false],
    ['', false],
    ['-oProxyCommand=x', false],
  ])('node %j: %s', (node, isGood) => {
    expect(problem({ nodes: [node] })).toBe(
      isGood ? undefined : 'expected a node as host, user@host or user@host:port, with an IPv6 address in brackets',
    );
  });

  it('refuses an empty list of nodes, a node named twice, and an invalid fingerprint', () => {
    expect(parse({ nodes: [] }).success).toBe(false);
    expect(problem({ nodes: ['a', 'b', 'a'] })).toBe('a node is named twice');
    expect(problem({ nodes: ['a'], hostKeys: ['MD5:00:11'] })).toContain('SHA256:');
  });

  it('needs a key or a password', () => {
    const connect = (more: Record<string, unknown>) => () =>
      ssh.connect({
        options: ssh.options.parse({ path: '/etc/certs', nodes: ['a'], ...more }),
        owner: '0123456789ab',
        name: 'web',
        world: {} as World,
      });
    expect(connect({})).toThrow('the deployer "web" (ssh) is missing a "privateKey" or a "password"');
    expect(connect({ password: new Secret('x') })).not.toThrow();
  });
});
