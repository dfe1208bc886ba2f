import { expect, test } from 'vitest';
import { hookEnvironment, keepFromHooks } from './hook-environment.ts';

const all = {
  ...{ PATH: '/opt/bin', HOME: '/root', USER: 'root', LOGNAME: 'root', SHELL: '/bin/sh', LANG: 'de_DE.UTF-8' },
  ...{ LC_ALL: 'C', LC_TIME: 'C', TZ: 'UTC', TMPDIR: '/var/tmp', XDG_RUNTIME_DIR: '/run/user/0' },
  ...{ HTTPS_PROXY: 'http://proxy:3128', no_proxy: 'localhost' },
};
const others = {
  ...{ CERTFLEET_RFC2136_SECRET: 's', CERTFLEET_DEBUG: '1', AWS_SECRET_ACCESS_KEY: 's', NOTIFY_SOCKET: '/run/n' },
  ...{ CREDENTIALS_DIRECTORY: '/run/c', LD_PRELOAD: '/x.so', NODE_OPTIONS: '--inspect', PATHS: 'x', LC_secret: 's' },
  ...{ DOCKER_HOST: 'tcp://d:1', KUBECONFIG: '/k' },
};

test('a hook gets the listed variables, and nothing else', () => {
  expect(hookEnvironment([], { ...all, ...others })).toEqual(all);
});

test('cron sets little: PATH, HOME and LANG have defaults, and the rest stays unset', () => {
  expect(hookEnvironment([], {})).toEqual({
    PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
    HOME: '/',
    LANG: 'C.UTF-8',
  });
});

test('passEnvironment adds what is set', () => {
  const names = ['DOCKER_HOST', 'KUBECONFIG', 'UNSET', 'CERTFLEET_DEBUG'];
  expect(hookEnvironment(names, { ...all, ...others })).toEqual({
    ...all,
    DOCKER_HOST: 'tcp://d:1',
    KUBECONFIG: '/k',
  });
});

test('a variable from which a secret was read is not passed, even if it is listed', () => {
  keepFromHooks('TOKEN_OF_THIS_TEST');
  keepFromHooks('LC_TOKEN');
  const env = { ...all, TOKEN_OF_THIS_TEST: 'hush', LC_TOKEN: 'hush' };
  expect(hookEnvironment(['TOKEN_OF_THIS_TEST'], env)).toEqual(all);
});
