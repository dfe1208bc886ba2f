import { expect, it } from 'vitest';
import { Secret } from '../../core/errors/secret.ts';
import { cleaned } from '../http/json-api.ts';
import { secretsOf } from './smtp.ts';

it.each(['ops@example.com', 'op', 'o'])('nothing is left of a login that a server repeats: %s', (username) => {
  const password = 'correct horse battery';
  const login = secretsOf({ username, password: new Secret(password) });
  const plain = Buffer.from(`\0${username}\0${password}`).toString('base64');
  const coded = Buffer.from(password).toString('base64');
  const reply = `535 AUTH PLAIN ${plain} refused, nor ${coded}, nor ${password}`;
  expect(cleaned(reply, login)).toBe('535 AUTH PLAIN *** refused, nor ***, nor ***');
});
