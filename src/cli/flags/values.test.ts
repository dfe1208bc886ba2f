import { expect, it } from 'vitest';
import { textWithPlaces } from './values.ts';

const all = { config: '/c.yaml', store: '/my store', storeKey: ['file:/k', 'env:OLD'], agreeTos: true };
const places = "--config /c.yaml --store '/my store' --store-key file:/k --store-key env:OLD";

it.each([
  ['run `certfleet renew`.', `run \`certfleet renew ${places}\`.`],
  // A wrapped hint.
  ['`certfleet issue\n  x --force`', `\`certfleet issue x --force ${places}\``],
  ['`certfleet issue -d x`', `\`certfleet issue -d x --agree-tos ${places}\``],
  ['`certfleet issue -d x --agree-tos`', `\`certfleet issue -d x --agree-tos ${places}\``],
  ['`certfleet config check`', '`certfleet config check --config /c.yaml`'],
  ['`certfleet certbot reconfigure --cert-name x`', `\`certfleet ${places} certbot reconfigure --cert-name x\``],
  [
    '`certfleet renew --store /other`',
    '`certfleet renew --store /other --config /c.yaml --store-key file:/k --store-key env:OLD`',
  ],
  ['`certfleet explain usage/invalid`', undefined],
  ['`certfleet config example`', undefined],
  ['`certfleet --help`', undefined],
  ['`rm -r x`', undefined],
])('completes a suggested command: %s', (text, completed = text) => {
  expect(textWithPlaces(text, { invocation: { args: [], flags: all } })).toBe(completed);
  expect(textWithPlaces(text, { invocation: { args: [], flags: {} } })).toBe(text);
});
