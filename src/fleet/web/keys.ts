import type { Access } from '../../access/access.ts';
import { isOidcName } from '../../core/access/oidc.ts';
import { asFailure, fail } from '../../core/errors/errors.ts';
import { Secret } from '../../core/errors/secret.ts';
import { lineageNotFound } from '../../core/names/not-found.ts';
import { type EngineProcess, inPass } from '../../engine/engine.ts';
import type { Rows } from '../../engine/steady/rows.ts';
import { exportOne } from '../life.ts';
import type { OpenFleet } from '../opened.ts';
import { type Asker, refuseRole } from './actions.ts';

/** A private key with its certificates, in one PEM file. */
export interface KeyFile {
  readonly name: string;
  readonly pem: Secret;
}

export interface KeyRequest {
  readonly name: string;
  /** Of the user who asks, once more. */
  readonly password: string | undefined;
}

/** Hands private keys to administrators, if the configuration file allows it. */
export interface FleetKeys {
  /** Whether the configuration allows it now. */
  isOn(): boolean;
  /**
   * Returns the current version of a certificate with its private key. A login must prove the password once more: a
   * browser that was left open must not be enough, unless someone makes a token or sets a password there first, which
   * leaves a trace. Writes down who got it, in the audit log and in the certificate, before it returns; otherwise it
   * fails. Fails with `access/role`, `access/some-certificates`, `access/no-key-download`,
   * `access/password-needed`, `access/no-password`, `access/wrong-password`, `access/slow`, `lineage/not-found`, `lineage/at-work`,
   * `lineage/no-certificate`.
   */
  download(request: KeyRequest, asker: Asker, signal: AbortSignal): Promise<KeyFile>;
}

export function createKeys({
  engine,
  rows,
  open,
  access,
}: {
  readonly engine: EngineProcess;
  readonly rows: Pick<Rows, 'get'>;
  readonly open: () => Omit<OpenFleet, 'engine'>;
  readonly access: {
    readonly audit: Pick<Access['audit'], 'record'>;
    readonly logins: Pick<Access['logins'], 'confirm'>;
  };
}): FleetKeys {
  const isOn = () => open().settings.pages?.keyDownload === true;

  async function prove({ who, from }: Asker, password: string | undefined, signal: AbortSignal): Promise<void> {
    // Whoever has a token or the socket has proved as much as there is to prove.
    if (who.via !== 'login') return;
    if (isOidcName(who.name)) throw fail('access/no-password', { name: who.name });
    if (password === undefined || password === '') throw fail('access/password-needed', {});
    const answer = await access.logins.confirm({ user: who.name, password, from }, signal);
    if (answer.is === 'slow') throw fail('access/slow', { seconds: Math.ceil(answer.waitMs / 1_000) });
    if (answer.is === 'wrong') throw fail('access/wrong-password', {});
  }

  async function taken(name: string, asker: Asker, signal: AbortSignal, record: Recording): Promise<KeyFile> {
    let file: KeyFile | undefined;
    const to = `${asker.who.name}, by a download from ${asker.from}`;
    const write: Parameters<typeof exportOne>[1]['write'] = async ({ bundle }) => {
      await record('done', bundle.id);
      file = { name: fileNameOf(name), pem: new Secret(bundle.keyPem.reveal() + bundle.fullchainPem) };
    };
    await inPass(engine, (pass) => exportOne({ ...open(), engine: pass }, { name, to, write }, signal), 'export');
    if (!file) throw fail('lineage/no-certificate', { name });
    return file;
  }

  return {
    isOn,
    async download({ name, password }, asker, signal) {
      const { who, from } = asker;
      const record: Recording = (result, detail) =>
        access.audit.record(
          { name: who.name, via: who.via, from },
          { what: 'certificate.key', object: name, detail, result },
        );
      try {
        refuseRole(who, 'download-key');
        const row = rows.get(name);
        if (!row) throw lineageNotFound(name, []);
        if (!isOn()) throw fail('access/no-key-download', {});
        await prove(asker, password, signal);
        if (row.state === 'working') throw fail('lineage/at-work', { name });
        return await taken(name, asker, signal, record);
      } catch (error) {
        // The error comes first: the log may be what failed.
        await record(asFailure(error).code, undefined).catch(() => undefined);
        throw error;
      }
    },
  };
}

type Recording = (result: string, detail: string | undefined) => Promise<void>;

/** Browsers and shells take such a name as it is. */
const fileNameOf = (name: string): string => `${name.replaceAll(/[^\w.-]/g, '_')}.pem`;

/** What private keys are sent as; they must not stay anywhere on the way. */
export const keyHeaders = (fileName: string) => ({
  'content-type': 'application/x-pem-file',
  'content-disposition': `attachment; filename="${fileName}"`,
  'cache-control': 'no-store',
});
