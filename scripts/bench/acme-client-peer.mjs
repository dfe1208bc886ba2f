// The rival of the rows `hundred` and `distance`: acme-client, tuned (no check of its own, challenges written at once).
//   node acme-client-peer.mjs <folder of acme-client> <directory URL> <challenge folder> <output folder> <names> <concurrency> <back-off in ms>
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';

const [packageFolder, directoryUrl, challenges, output, list, concurrency, backoffMs] = process.argv.slice(2);
const acme = createRequire(import.meta.url)(packageFolder);
const names = list.split(',');

// The account is registered by the first run only, as with the others.
const [accountFile, urlFile] = [join(output, 'account.pem'), join(output, 'account.url')];
if (!existsSync(accountFile)) writeFileSync(accountFile, await acme.crypto.createPrivateEcdsaKey(), { mode: 0o600 });
const client = new acme.Client({
  directoryUrl,
  accountKey: readFileSync(accountFile),
  backoffAttempts: 500,
  backoffMin: Number(backoffMs),
  backoffMax: Number(backoffMs),
  ...(existsSync(urlFile) ? { accountUrl: readFileSync(urlFile, 'utf8') } : {}),
});
if (!existsSync(urlFile)) {
  await client.createAccount({ termsOfServiceAgreed: true });
  writeFileSync(urlFile, client.getAccountUrl());
}

async function worker() {
  for (let name = names.shift(); name !== undefined; name = names.shift()) {
    const key = await acme.crypto.createPrivateEcdsaKey();
    const [, csr] = await acme.crypto.createCsr({ altNames: [name] }, key);
    const chain = await client.auto({
      csr,
      skipChallengeVerification: true,
      challengePriority: ['http-01'],
      challengeCreateFn: (_authorization, challenge, keyAuthorization) =>
        writeFile(join(challenges, challenge.token), keyAuthorization),
      challengeRemoveFn: (_authorization, challenge) => rm(join(challenges, challenge.token)),
    });
    await writeFile(join(output, `${name}.key`), key, { mode: 0o600 });
    await writeFile(join(output, `${name}.crt`), chain);
  }
}
await Promise.all(Array.from({ length: Number(concurrency) }, worker));
