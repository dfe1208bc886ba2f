import { createSigner } from '../../src/acme/jws.ts';
import { Secret } from '../../src/core/errors/secret.ts';

// One signed request by the account of a store, as a process sends it that is killed before it has kept the answer.
// Run inside a network namespace, with the account's document in ACCOUNT:
// node --import tsx acme-post.ts DIRECTORY RESOURCE PAYLOAD

interface Directory {
  readonly newNonce: string;
  readonly newOrder: string;
}

async function post(directoryUrl: string, account: string, resource: string, payload: string): Promise<void> {
  const { keyPem, url: kid } = JSON.parse(account) as { readonly keyPem: string; readonly url: string };
  const directory = (await (await fetch(directoryUrl)).json()) as Directory;
  const nonce = (await fetch(directory.newNonce, { method: 'HEAD' })).headers.get('replay-nonce') ?? '';
  const url = resource === 'newOrder' ? directory.newOrder : kid;
  const answer = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/jose+json', 'user-agent': 'certfleet-test' },
    body: createSigner(new Secret(keyPem)).sign({ nonce, url, kid }, payload),
  });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${answer.status} ${text}`);
  process.stdout.write(text);
}

const [, , directory = '', resource = '', payload = ''] = process.argv;
void post(directory, process.env.ACCOUNT ?? '', resource, payload);
