import { join } from 'node:path';
import { Secret } from '../../core/errors/secret.ts';
import type { Files } from '../../ports/files.ts';
import type { TrustedFiles } from '../trusted-files.ts';
import { type Section, textIn } from './config-obj.ts';

/** The location of one of certbot's four files for a certificate. */
export interface LiveFile {
  /** `live/NAME/privkey.pem` */
  readonly link: string;
  /** `archive/NAME/privkey3.pem` */
  readonly file: string;
}

/** The certificate that a renewal file leads to. */
export interface Live {
  readonly fullchain: LiveFile;
  readonly privkey: LiveFile;
  readonly chainPem: string;
  readonly keyPem: Secret;
}

/**
 * Follows the links in `live/`. If the folder was moved, the paths in the renewal file are below the old one. Throws a
 * plain Error that says what is missing.
 */
export async function readLive(
  { files, trusted }: { readonly files: Files; readonly trusted: TrustedFiles },
  root: string,
  conf: Section,
): Promise<Live> {
  const follow = async (kind: 'fullchain' | 'privkey'): Promise<LiveFile & { readonly text: string }> => {
    const written = textIn(conf, kind);
    if (written === undefined) throw new Error(`the line \`${kind} = …\` is missing; was the file half written?`);
    const link = movedTo(root, written);
    if ((await files.readLink(link)) === undefined)
      throw new Error(
        (await files.stat(link)) ? `${link} is not a link, as certbot makes it` : `${link} does not exist`,
      );
    // Trust is checked from the first link on, because a link of another user could lead to any file of root. A reused
    // key is a link to the previous one.
    const { path, text } = await trusted.linked(link);
    if (text === undefined) throw new Error(`${link} leads to ${path}, which does not exist`);
    return { link, file: path, text };
  };
  const [fullchain, privkey] = [await follow('fullchain'), await follow('privkey')];
  return { fullchain, privkey, chainPem: fullchain.text, keyPem: new Secret(privkey.text) };
}

function movedTo(root: string, path: string): string {
  const at = path.lastIndexOf('/live/');
  return at < 0 ? path : join(root, path.slice(at));
}
