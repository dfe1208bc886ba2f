import { type HeldPlace, type HolderOf, keepsPlace } from '../../core/lineage/holder.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Deployer, VersionBundle } from '../../ports/deployer.ts';
import type { Note } from '../../ports/solver.ts';
import { retireUpload, type SslCertificate, type TencentSsl, type Upload, uploadIn } from './ssl.ts';

/** What the deployers share that upload to SSL Certificate Service, and what they know of its certificates. */
export interface SslUploads extends Required<Pick<Deployer, 'owned' | 'removeOwned'>> {
  /** Returns the ID of a version's upload, if this process or the store knows it. */
  idOf(version: VersionBundle): string | undefined;
  /** Uploads a version, and notes its ID. */
  upload(version: VersionBundle, note: Note, signal: AbortSignal): Promise<Upload>;
  /**
   * Returns those of these certificates that exist. Asks only for those of which this process knows nothing, because
   * what it reads here never changes.
   *
   * @param once whether to ask only once for a certificate that does not exist
   */
  certificates(ids: readonly string[], signal: AbortSignal, once?: 'once'): Promise<readonly SslCertificate[]>;
  /** Returns the other certificate of this store to which a place is left that has this one. */
  keeperOf(has: SslCertificate, lineage: string, place: HeldPlace, signal: AbortSignal): Promise<string | undefined>;
  /** Removes what a receipt names. Fails if it has to stay. */
  retire(receipt: unknown, signal: AbortSignal): Promise<void>;
}

export function createSslUploads(
  ssl: TencentSsl,
  parts: { readonly owner: string; readonly holderOf: HolderOf | undefined; readonly clock: Clock },
): SslUploads {
  const { owner, holderOf, clock } = parts;
  /** The IDs of what this process uploaded, by fingerprint. */
  const uploaded = new Map<string, string>();
  const known = new Map<string, SslCertificate>();
  const missing = new Set<string>();

  return {
    idOf: ({ facts, sent }) => uploaded.get(facts.fingerprint) ?? uploadIn(sent),
    async upload(version, note, signal) {
      const upload = await ssl.upload(version, owner, signal);
      uploaded.set(version.facts.fingerprint, upload.id);
      if (upload.certificate) known.set(upload.id, upload.certificate);
      await note({ certificate: upload.id });
      return upload;
    },
    async certificates(ids, signal, once) {
      const all = [...new Set(ids)];
      const unknown = all.filter((id) => !known.has(id) && !(once && missing.has(id)));
      for (const one of await ssl.certificates(unknown, signal)) known.set(one.id, one);
      for (const id of unknown) if (!known.has(id)) missing.add(id);
      return all.flatMap((id) => known.get(id) ?? []);
    },
    async keeperOf({ mark }, lineage, place, signal) {
      const holder = mark?.owner === owner ? await holderOf?.(mark.id, signal) : undefined;
      return holder && holder.lineage !== lineage && keepsPlace(holder, place, clock.now())
        ? holder.lineage
        : undefined;
    },
    async retire(receipt, signal) {
      const id = uploadIn(receipt);
      // A version without a receipt is the previous one, which the engine may go back to.
      if (id !== undefined) await retireUpload(ssl, { owner, id }, signal);
    },
    owned: async (signal) =>
      (await ssl.marked(signal)).map((one) => ({ kind: 'certificate', name: one.name, id: one.id })),
    async removeOwned({ id }, signal) {
      await ssl.remove(id, signal);
    },
  };
}
