import { createHash } from 'node:crypto';
import { isFailure } from '../../core/errors/errors.ts';
import { nameWithMark } from '../../core/request-path/own-mark.ts';
import type { VersionBundle } from '../../ports/deployer.ts';
import type { World } from '../../ports/world.ts';
import { badList } from '../http/balancer-errors.ts';
import { readList, readString } from '../http/json-api.ts';
import { readPages } from '../http/pages.ts';
import { isInUse, type Qiniu, type QiniuOptions, title } from './qiniu.ts';

// The SSL certificates of an account. They cannot be changed, and the same one is taken twice. One is never read alone:
// that answer has its private key.

export interface QiniuCertificate {
  readonly id: string;
  readonly name: string;
}

export interface QiniuCertificates {
  /** The lock for uploads. Another key of the same account has another lock. */
  readonly lock: string;
  /** Returns the ID of a version's upload, as it was at most `ageMs` ago, or undefined if there is none. */
  find(version: VersionBundle, ageMs: number, signal: AbortSignal): Promise<string | undefined>;
  /** Uploads a version. The caller has looked whether it is there. */
  upload(version: VersionBundle, signal: AbortSignal): Promise<string>;
  /** Returns the name of a certificate; undefined if it does not exist. */
  nameOf(id: string, ageMs: number, signal: AbortSignal): Promise<string | undefined>;
  all(signal: AbortSignal): Promise<readonly QiniuCertificate[]>;
  /** Removes a certificate, unless it does not exist or CDN or the storage uses it. */
  remove(id: string, signal: AbortSignal): Promise<void>;
}

interface Known {
  list?: { readonly atMs: number; readonly all: readonly QiniuCertificate[] } | undefined;
}

/** The lists of accounts: deployers of one process share them, so that one sees what another has just uploaded. */
const knownIn = new WeakMap<object, Map<string, Known>>();

export interface CertificatesContext {
  readonly call: Qiniu;
  readonly options: QiniuOptions;
  readonly owner: string;
  readonly world: Pick<World, 'clock'>;
}

export function certificatesOf({ call, options, owner, world }: CertificatesContext): QiniuCertificates {
  const { clock } = world;
  const account = createHash('sha256').update(options.accessKey.reveal()).digest('hex').slice(0, 12);
  const accounts = knownIn.get(world) ?? new Map<string, Known>();
  knownIn.set(world, accounts);
  const at = `${account} ${options.endpoint ?? ''}`;
  const known = accounts.get(at) ?? {};
  accounts.set(at, known);
  const markOf = ({ facts }: VersionBundle): string =>
    nameWithMark({ owner, expires: new Date(facts.notAfter), id: facts.fingerprint.slice(0, 12) });

  const read = (signal: AbortSignal) =>
    readPages<QiniuCertificate, string>(badList(title, 'GET /sslcert'), '', (marker) => {
      const path = `/sslcert?${new URLSearchParams({ marker, limit: pageSize })}`;
      const parse = (body: Record<string, unknown>) => ({
        found: readList(body['certs'] ?? [], 'certs', 'certid').map((row) => ({
          id: readString(row, 'certid'),
          name: String(row['name'] ?? ''),
        })),
        next: typeof body['marker'] === 'string' && body['marker'] !== '' ? body['marker'] : undefined,
      });
      return call({ method: 'GET', path, what: 'GET /sslcert', read: parse }, signal);
    });
  async function all(ageMs: number, signal: AbortSignal): Promise<readonly QiniuCertificate[]> {
    const atMs = clock.monotonicMs();
    if (known.list && atMs - known.list.atMs < ageMs) return known.list.all;
    const found = await read(signal);
    known.list = { atMs, all: found };
    return found;
  }
  const find: QiniuCertificates['find'] = async (version, ageMs, signal) =>
    (await all(ageMs, signal)).find(({ name }) => name === markOf(version))?.id;

  async function upload(version: VersionBundle, signal: AbortSignal): Promise<string> {
    const { facts, keyPem, fullchainPem } = version;
    const name = markOf(version);
    const common_name = facts.identifiers.find(({ type }) => type === 'dns')?.value ?? '';
    const body = { name, common_name, pri: keyPem.reveal(), ca: fullchainPem };
    for (let tries = 1; ; tries += 1) {
      try {
        const parse = (answer: Record<string, unknown>) => readString(answer, 'certID');
        const secrets = [keyPem];
        const id = await call(
          { method: 'POST', path: '/sslcert', what: 'POST /sslcert', body, secrets, read: parse },
          signal,
        );
        if (known.list) known.list = { ...known.list, all: [...known.list.all, { id, name }] };
        return id;
      } catch (error) {
        signal.throwIfAborted();
        if (!isFailure(error, 'balancer/unreachable', 'balancer/failed')) throw error;
        known.list = undefined;
        // Only a list shows whether it arrived.
        const there = await find(version, 0, signal);
        if (there !== undefined) return there;
        if (tries === mostTries) throw error;
      }
    }
  }

  return {
    lock: `qiniu-sslcert ${account}`,
    find,
    upload,
    nameOf: async (id, ageMs, signal) => {
      const named = (list: readonly QiniuCertificate[]) => list.find((one) => one.id === id)?.name;
      // The name of an ID never changes.
      return named(known.list?.all ?? []) ?? named(await all(ageMs, signal));
    },
    all: (signal) => all(0, signal),
    async remove(id, signal) {
      const path = `/sslcert/${encodeURIComponent(id)}`;
      await call({ method: 'DELETE', path, what: 'DELETE /sslcert', read: () => undefined }, signal).catch(
        (error: unknown) => {
          if (!isFailure(error, 'balancer/not-found') && !isInUse(error)) throw error;
        },
      );
      known.list = undefined;
    },
  };
}

const pageSize = '100';
/** An upload is tried again only if a list has shown that it is not there. */
const mostTries = 3;
