import { createHmac, timingSafeEqual } from 'node:crypto';
import { isIPv6, SocketAddress } from 'node:net';
import { fail, isFailure } from '../core/errors/errors.ts';
import { Secret } from '../core/errors/secret.ts';
import { decodeDocument, encodeDocument } from '../core/lineage/lineage.ts';
import { toBase64url } from '../core/text/encoding.ts';
import type { Random } from '../ports/random.ts';
import type { StoreProof } from '../ports/responder.ts';
import type { Store } from '../ports/store.ts';

/** As long as the output of the hash (RFC 2104 §3). */
const secretBytes = 32;

/** The form of a challenge, which is also that of a token. */
export const challengeForm = /^[A-Za-z0-9_-]{43}$/;

/** Returns a new challenge, for one question. */
export const newChallenge = (random: Random): string => toBase64url(random.bytes(32));

/** Compares in constant time. */
export function isProof(answer: string, expected: string): boolean {
  const [given, wanted] = [Buffer.from(answer), Buffer.from(expected)];
  return given.length === wanted.length && timingSafeEqual(given, wanted);
}

/** Reads the store's secret once, when it is first needed. Forgets a failure. */
export function storeProofOf(store: Store, random: Random): () => Promise<StoreProof> {
  let reading: Promise<StoreProof> | undefined;
  return () => {
    reading ??= readStoreProof(store, random, new AbortController().signal).catch((error: unknown) => {
      reading = undefined;
      throw error;
    });
    return reading;
  };
}

/** Reads the store's secret, or generates it if this store has none yet. Fails with `store/…`. */
export async function readStoreProof(store: Store, random: Random, signal: AbortSignal): Promise<StoreProof> {
  return proofWith(await readProofSecret(store, random, signal));
}

export function proofWith(secret: Secret): StoreProof {
  const answer = (purpose: string, challenge: string) =>
    createHmac('sha256', Buffer.from(secret.reveal(), 'base64url'))
      .update(`certfleet-responder\n${purpose}\n${challenge}`)
      .digest('base64url');
  return {
    atPort: (challenge, { address, port }) => answer(`port ${plain(address)} ${port}`, challenge),
    byPath: (challenge) => answer('path', challenge),
    byName: (serverName) => answer('name', serverName),
  };
}

/** Reports whether a text can be the secret. */
export const isProofSecret = (text: string): boolean =>
  /^[A-Za-z0-9_-]+$/.test(text) && Buffer.from(text, 'base64url').length === secretBytes;

/** The same as {@link readStoreProof}, for a process that does not read the store. */
export async function readProofSecret(store: Store, random: Random, signal: AbortSignal): Promise<Secret> {
  const key = { kind: 'meta', name: 'responder' } as const;
  for (;;) {
    const entry = await store.get(key, signal);
    if (entry) {
      const where = { key: `${key.kind}/${key.name}`, file: store.location };
      const { secret } = decodeDocument<{ readonly secret: unknown }>(entry.bytes, where, ['secret']);
      if (typeof secret !== 'string' || !isProofSecret(secret))
        throw fail('store/corrupt', { ...where, reason: `its secret is not ${secretBytes} bytes long` });
      return new Secret(secret);
    }
    const secret = toBase64url(random.bytes(secretBytes));
    try {
      await store.put(key, encodeDocument({ schema: 1, secret }), { ifRevision: null, signal });
      return new Secret(secret);
    } catch (error) {
      if (!isFailure(error, 'store/conflict')) throw error; // another process was first
    }
  }
}

/** Normalizes an address: a server on `::` sees 127.0.0.1 as `::ffff:127.0.0.1`. */
const plain = (address: string): string =>
  isIPv6(address) ? new SocketAddress({ address, family: 'ipv6' }).address.replace(/^::ffff:(?=\d+\.)/, '') : address;
