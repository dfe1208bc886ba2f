import { generateKeyPairSync } from 'node:crypto';
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createAuthority } from '../../test/support/acme-ca/issuance.ts';
import { measure, medianOf, printNote, printRow, range } from './measure.ts';
import { certfleet, configure, type Rig } from './rig.ts';

const day = 86_400_000;
const [mostSeconds, mostMib] = [6, 250];

/** Taking over what certbot has, each time into a new store. */
export async function importAll(rig: Rig): Promise<void> {
  const count = rig.count(10_000);
  const root = await certbotFolder(join(rig.folder, 'import-certbot'), count);
  const costs = [];
  for (let round = 0; round < rig.rounds(3); round++) {
    const folder = await configure(rig, `import-${round}`, []);
    costs.push(await measure(certfleet(folder, 'import', 'certbot', root)));
  }
  const [wall, peak] = [medianOf(costs, 'wall'), medianOf(costs, 'peakMib')];
  printRow({
    what: `import of ${count} lineages of certbot, in seconds`,
    ours: range(costs.map((cost) => cost.wall)),
    peer: `bound ${mostSeconds} s`,
    ratio: wall / mostSeconds,
    bound: { atMost: 1 },
  });
  printNote(`${((medianOf(costs, 'cpu') / count) * 1_000).toFixed(2)} ms of CPU for each`);
  printRow({
    what: `import of ${count} lineages of certbot, largest memory`,
    ours: `${peak.toFixed(0)} MiB`,
    peer: `bound ${mostMib} MiB`,
    ratio: peak / mostMib,
    bound: { atMost: 1 },
  });
}

const usualServer = 'https://acme-v02.api.letsencrypt.org/directory';
const accountId = '0123abcd';

/** An account of certbot's that the CA does not know yet. */
export async function writeAccount(root: string, server: string): Promise<void> {
  const account = join(root, 'accounts', server.replace('https://', ''), accountId);
  for (const folder of [account, join(root, 'renewal')]) await mkdir(folder, { recursive: true });
  const jwk = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ format: 'jwk' });
  await writeFile(join(account, 'private_key.json'), JSON.stringify(jwk));
}

/** A lineage as certbot keeps it. */
export async function writeLineage(
  root: string,
  name: string,
  texts: Readonly<Record<'cert' | 'chain' | 'fullchain' | 'privkey', string>>,
  { server, webroot }: { readonly server: string; readonly webroot: string },
): Promise<void> {
  const [archive, live] = [join(root, 'archive', name), join(root, 'live', name)];
  for (const folder of [archive, live]) await mkdir(folder, { recursive: true });
  const kinds = Object.entries(texts);
  for (const [kind, text] of kinds) {
    await writeFile(join(archive, `${kind}1.pem`), text, { mode: 0o600 });
    await symlink(`../../archive/${name}/${kind}1.pem`, join(live, `${kind}.pem`));
  }
  const paths = kinds.map(([kind]) => `${kind} = ${live}/${kind}.pem\n`).join('');
  await writeFile(
    join(root, `renewal/${name}.conf`),
    `version = 4.0.0\narchive_dir = ${archive}\n${paths}\n[renewalparams]\naccount = ${accountId}\nserver = ${server}\nauthenticator = webroot\nwebroot_path = ${webroot},\nkey_type = ecdsa\n[[webroot_map]]\n${name} = ${webroot}\n`,
  );
}

/** Lineages as certbot keeps them, each with a key and a certificate of its own. */
async function certbotFolder(root: string, count: number): Promise<string> {
  const { issue, intermediatePem } = createAuthority(new Date());
  await writeAccount(root, usualServer);
  const notBefore = new Date(Date.now() - day);
  for (let number = 0; number < count; number++) {
    const name = `n${number}.example.test`;
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const { pem } = issue({
      spkiDer: publicKey.export({ type: 'spki', format: 'der' }),
      identifiers: [{ type: 'dns', value: name }],
      profile: { description: '', validityMs: 90 * day },
      notBefore,
    });
    const texts = {
      cert: pem,
      chain: intermediatePem,
      fullchain: pem + intermediatePem,
      privkey: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    };
    await writeLineage(root, name, texts, { server: usualServer, webroot: '/var/www/html' });
  }
  return root;
}
