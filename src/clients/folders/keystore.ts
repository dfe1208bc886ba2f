import { createHash, createHmac, scryptSync } from 'node:crypto';
import type { Secret } from '../../core/errors/secret.ts';
import type { VersionBundle } from '../../ports/deployer.ts';
import type { FileAttributes, FolderEntry } from '../../ports/files.ts';
import type { Pki } from '../../ports/pki.ts';

/** A PKCS#12 file beside the PEM files of a version. */
export interface Keystore {
  /**
   * Returns the keystore in a version's folder, with the attributes that it should have, or undefined if it is not the
   * one of this version with this password.
   *
   * @param read reads a file of that folder
   */
  find(read: (name: string) => Promise<Uint8Array | undefined>, version: VersionBundle): Promise<Content | undefined>;
  make(version: VersionBundle): Promise<Content>;
  /** Reports whether the keystore in a folder was made in this form and with this password. Needs no key. */
  isSealed(read: (name: string) => Promise<Uint8Array | undefined>): Promise<boolean>;
}

/** Returns the files of a folder, with these attributes. */
export type Content = (attributes: FileAttributes) => readonly FolderEntry[];

export const keystoreName = 'keystore.p12';
/**
 * Its seal, in two lines: which file it is, of which key and chain, in which form and with which password; and the form
 * and the password alone.
 */
const sealName = 'keystore.p12.seal';

interface KeystoreOptions {
  readonly password: Secret;
  readonly isLegacy: boolean;
  /** Random text of the installation, which is no secret. */
  readonly salt: string;
  readonly pkcs12: Pki['pkcs12'];
}

/**
 * Creates a keystore. Each encryption is random, and opening a file takes as long as guessing a password. So the file
 * is recognised by a seal, whose key takes as long, but only once for all certificates.
 */
export function createKeystore({ password, isLegacy, salt, pkcs12 }: KeystoreOptions): Keystore {
  let known: Buffer | undefined;
  const sealKey = () => {
    known ??= scryptSync(password.reveal(), `certfleet keystore ${salt}`, 32);
    return known;
  };

  function sealOf({ lineage, keyPem, certPem, chainPem }: VersionBundle, content: Uint8Array): string {
    const file = createHash('sha256').update(content).digest('hex');
    return `${digestOf([file, isLegacy, lineage, keyPem.reveal(), certPem, chainPem])}\n${digestOf([isLegacy])}\n`;
  }

  const digestOf = (parts: readonly unknown[]): string =>
    createHmac('sha256', sealKey()).update(JSON.stringify(parts)).digest('hex');

  const sealed =
    (version: VersionBundle, content: Uint8Array): Content =>
    (attributes) => [
      { name: keystoreName, content, attributes },
      { name: sealName, content: sealOf(version, content), attributes },
    ];

  return {
    async find(read, version) {
      const content = await read(keystoreName);
      const seal = content && (await read(sealName));
      if (!seal || Buffer.from(seal).toString('utf8') !== sealOf(version, content)) return undefined;
      return sealed(version, content);
    },
    async make(version) {
      const { lineage: friendlyName, keyPem, certPem, chainPem } = version;
      const content = await pkcs12({ friendlyName, keyPem, certificates: [certPem, chainPem], password, isLegacy });
      return sealed(version, content);
    },
    async isSealed(read) {
      const seal = await read(sealName);
      return seal !== undefined && Buffer.from(seal).toString('utf8').split('\n')[1] === digestOf([isLegacy]);
    },
  };
}
