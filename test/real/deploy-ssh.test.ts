import { chmod, chown, mkdir, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Secret } from '../../src/core/errors/secret.ts';
import ssh from '../../src/deployers/ssh.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { systemRandom } from '../../src/lib/random.ts';
import type { Clock } from '../../src/ports/clock.ts';
import type { Deployer, VersionBundle } from '../../src/ports/deployer.ts';
import type { World } from '../../src/ports/world.ts';
import { deployerContract } from '../../src/testing/deployer-contract.ts';
import { createDeployWorld, findKeyFiles } from '../support/deploy-world.ts';
import { drawnExcept, itDrawn } from '../support/drawn.ts';
import { sampled } from '../support/seeded.ts';
import { stopAll, temporaryFolder, until } from '../support/service.ts';
import {
  makeSshKey,
  type SshKeyPair,
  type SshNode,
  sshNodePath,
  startCuttingProxy,
  startSshd,
  startSshNode,
} from '../support/sshd.ts';
import { createVersionMaker, fingerprintOfFile, type VersionMaker } from '../support/versions.ts';
import { describeWith } from '../support/vitest.ts';

process.umask(0o022);
const signal = new AbortController().signal;
const note = async () => {};

describeWith(['sshd', 'ssh-keygen', 'openssl'], 'the ssh deployer', () => {
  let versions: VersionMaker;
  let client: SshKeyPair;
  beforeAll(async () => {
    versions = await createVersionMaker();
    client = await makeSshKey();
  });
  afterAll(stopAll);

  const make = (lineage = 'www') => versions.make(lineage, [`${lineage}.example.test`, '*.example.test']);
  const deploy = async (deployer: Deployer, version: VersionBundle) =>
    deployer.activate(version, await deployer.stage(version, note, signal), note, signal);
  const messageOf = (promise: Promise<unknown>) =>
    promise.then(
      () => expect.fail('it should have failed'),
      (error: Error) => error.message,
    );

  const startNode = (config?: string) => startSshNode(client, config);
  const inUse = (node: SshNode, lineage = 'www') =>
    fingerprintOfFile(join(node.folder, 'certs/live', lineage, 'fullchain.pem')).catch(() => undefined);

  // Runs in the node's folder. It fails while there is a file `broken`.
  const command = `cd "$NODE" || exit 9
openssl x509 -noout -subject -nameopt multiline -in "$RENEWED_LINEAGE/cert.pem" | sed -n 's/ *commonName *= //p' >> ran
if [ -e broken ]; then cat "$RENEWED_LINEAGE/privkey.pem" >&2; echo the disk is on fire >&2; exit 3; fi
openssl x509 -noout -fingerprint -sha256 -in "$RENEWED_LINEAGE/fullchain.pem" | sed 's/.*=//; s/://g' | tr A-F a-f > used`;

  async function connect(
    nodes: readonly (SshNode | { readonly port: number })[],
    extra: Record<string, unknown> = {},
    world: World = createDeployWorld().world,
  ): Promise<Deployer> {
    const knownHosts = join(await temporaryFolder('known'), 'known_hosts');
    await writeFile(knownHosts, nodes.map((node) => ('server' in node ? node.server.knownHosts : '')).join(''));
    const options = {
      nodes: nodes.map(({ port }) => `127.0.0.1:${port}`),
      user: (nodes[0] as SshNode).server.user,
      privateKey: new Secret((await readFile(client.file, 'utf8')).trim()),
      knownHosts,
      path: sshNodePath,
      command,
      ...extra,
    };
    return ssh.connect({
      options: ssh.options.parse(options),
      owner: '0123456789ab',
      name: 'web',
      world: { ...world, random: systemRandom },
    });
  }

  deployerContract(drawnExcept(/is absent, staged|a new version is used/), async () => {
    const node = await startNode();
    const made = createDeployWorld();
    const used = () =>
      readFile(join(node.folder, 'used'), 'utf8').then(
        (text) => text.trim(),
        () => undefined,
      );
    const deployers: Deployer[] = [];
    for (let count = 0; count < 3; count++) deployers.push(await connect([node], {}, made.world));
    let next = 0;
    return {
      connect: () => deployers[next++ % 3] as Deployer,
      version: () => make(),
      inUse: used,
      keyFiles: () => findKeyFiles(node.folder),
      async breakActivation() {
        await writeFile(join(node.folder, 'broken'), '');
        return () => rm(join(node.folder, 'broken'));
      },
      logged: () => made.lines,
      stop: () => node.server.stop(),
    };
  });

  test('one node of three is down: the others get it, the error names it, the next try works on it alone', async () => {
    const nodes = [await startNode(), await startNode(), await startNode()] as const;
    const [, down] = nodes;
    const [old, young] = [await make(), await make()];
    const deployer = await connect(nodes);
    await deploy(deployer, old);
    expect(await Promise.all(nodes.map((node) => inUse(node)))).toEqual(nodes.map(() => old.facts.fingerprint));
    await down.server.stop();
    await expect(deploy(deployer, young)).rejects.toMatchObject({
      code: 'deploy/nodes-missing',
      message: `www is missing on 1 of the 3 nodes of the deployer "web" (ssh): 127.0.0.1:${down.port} (connection refused)`,
    });
    expect(await Promise.all(nodes.map((node) => inUse(node)))).toEqual(
      nodes.map((node) => (node === down ? old : young).facts.fingerprint),
    );
    expect(await deployer.look(young, signal)).toEqual({
      state: 'stale',
      detail: `127.0.0.1:${down.port}: connection refused`,
    });
    await down.start();
    expect(await deployer.look(young, signal)).toMatchObject({ state: 'stale' });
    await deploy(await connect(nodes), young);
    expect((await deployer.look(young, signal)).state).toBe('current');
    for (const node of nodes) expect(await node.ran()).toEqual([old.id, young.id]);
    await deployer.retire?.(old, undefined, signal);
  });

  itDrawn('delivered again to nodes that all have it, the command runs again', async () => {
    const nodes = [await startNode(), await startNode()];
    const version = await make();
    const deployer = await connect(nodes);
    await deploy(deployer, version);
    await deploy(deployer, version);
    for (const node of nodes) expect(await node.ran()).toEqual([version.id, version.id]);
  });

  itDrawn(
    'the command fails on one node: it goes back and runs again there, and the others keep the new one',
    async () => {
      const nodes = [await startNode(), await startNode()] as const;
      const [fine, bad] = nodes;
      const [old, young] = [await make(), await make()];
      const deployer = await connect(nodes);
      await deploy(deployer, old);
      await writeFile(join(bad.folder, 'broken'), '');
      const message = await messageOf(deploy(deployer, young));
      expect(message).toContain(
        `www is missing on 1 of the 2 nodes of the deployer "web" (ssh): 127.0.0.1:${bad.port} (`,
      );
      expect(message).toMatch(/the command ended with 3: .*the disk is on fire; and with/);
      expect(message).toContain('with the previous version again: it ended with 3');
      expect([await inUse(fine), await inUse(bad)]).toEqual([young.facts.fingerprint, old.facts.fingerprint]);
      expect(await bad.ran()).toEqual([old.id, young.id, old.id]);
      await rm(join(bad.folder, 'broken'));
      await deploy(deployer, young);
      expect(await bad.ran()).toEqual([old.id, young.id, old.id, young.id]);
      expect(await fine.ran()).toEqual([old.id, young.id]);
    },
  );

  itDrawn('two certificates share the command: a node that is down or refuses them stays for `activate`', async () => {
    const nodes = [await startNode(), await startNode(), await startNode()] as const;
    const [fine, bad, down] = nodes;
    // Fails on one node while it has this version of one certificate.
    const shared =
      'cd "$NODE"; echo reload >> ran; ! [ -e broken ] || ! grep -qF "$(cat broken)" certs/live/www/cert.pem';
    const deployer = await connect(nodes, { command: shared });
    const pairs = [
      [await make(), await make('mail')],
      [await make(), await make('mail')],
    ] as const;
    const together = async (all: readonly VersionBundle[]) => {
      for (const version of all) await deployer.stage(version, note, signal);
      return (await deployer.activateTogether?.(all, signal))?.map(({ id }) => id);
    };
    const [[, oldMail], [www, mail]] = pairs;
    expect(await together(pairs[0])).toEqual(pairs[0].map(({ id }) => id));
    for (const node of nodes) expect(await node.ran()).toEqual(['reload']);

    await down.server.stop();
    await writeFile(join(bad.folder, 'broken'), www.certPem.split('\n')[5] ?? '');
    expect(await together(pairs[1])).toEqual([]);
    expect([await inUse(fine, 'mail'), await inUse(bad, 'mail')]).toEqual([
      mail.facts.fingerprint,
      oldMail.facts.fingerprint,
    ]);
    // Once with the new files, once with the previous ones.
    expect([(await fine.ran()).length, (await bad.ran()).length]).toEqual([2, 3]);
    const failed: string[] = [];
    for (const version of pairs[1]) failed.push(await messageOf(deployer.activate(version, null, note, signal)));
    const gone = `127.0.0.1:${down.port} (connection refused)`;
    expect(failed[0]).toContain('www is missing on 2 of the 3 nodes');
    expect(failed[0]).toMatch(/the command ended with 1: it printed nothing/);
    expect(failed[1]).toContain(`mail is missing on 1 of the 3 nodes of the deployer "web" (ssh): ${gone}`);
    expect((await fine.ran()).length).toBe(2);
    expect(await inUse(bad, 'mail')).toBe(mail.facts.fingerprint);
  });

  /** A deployer, the version in use, and a second version. */
  async function prepared(options: { config?: string; extra?: Record<string, unknown> } = {}) {
    const node = await startNode(options.config);
    const deployer = await connect([node], options.extra);
    const [first, second] = [await make(), await make()];
    return { node, deployer, first, second };
  }

  test('a changed host key: refused with the line of known_hosts, before anything is sent', async () => {
    const { node } = await prepared();
    const deployer = await connect([node]);
    await node.server.stop();
    const other = await startSshd({ client, port: node.port });
    const version = await make();
    const message = await messageOf(deploy(deployer, version));
    expect(message).toMatch(
      /its host key SHA256:\S+ \(ssh-ed25519\) is not the one of \S+\/known_hosts line 1 \(SHA256:/,
    );
    expect(message).toContain(`127.0.0.1:${node.port}`);
    expect((await deployer.look(version, signal)).detail).toContain('nothing was sent to it');
    expect(other.log()).not.toMatch(/userauth|publickey/i);
    expect(await readdir(node.folder)).toEqual([]);
  });

  itDrawn('host keys: unknown, a missing file, another type known, fingerprints', async () => {
    const ecdsa = await makeSshKey({ type: 'ecdsa' });
    const { node } = await prepared({ config: `HostKey ${ecdsa.file}` });
    const version = await make();
    const folder = await temporaryFolder('known');
    const [empty, second, open] = [join(folder, 'empty'), join(folder, 'ecdsa'), join(folder, 'open')];
    await writeFile(open, node.server.knownHosts);
    await chmod(open, 0o666);
    await writeFile(empty, '# nothing\n');
    await writeFile(second, `[127.0.0.1]:${node.port} ${ecdsa.publicKey}\n`);
    const print = node.server.fingerprint;
    const cases: readonly [Record<string, unknown>, RegExp | undefined][] = [
      [{ knownHosts: empty }, /is not in \S+\/empty; nothing was sent.* ssh-keyscan -p \d+ 127.0.0.1 >> /],
      [{ knownHosts: join(folder, 'none') }, /there is no file \S+\/none, which `knownHosts` names/],
      [{ knownHosts: open }, /the host keys in \S+\/open cannot be trusted: .* every user; run `chmod go-w /],
      [{ knownHosts: second }, undefined],
      [{ hostKeys: [print], knownHosts: undefined }, undefined],
      [{ hostKeys: [`SHA256:${'A'.repeat(43)}`], knownHosts: undefined }, /is not one of `hostKeys`; nothing was sent/],
    ];
    for (const [extra, words] of cases) {
      const tried = deploy(await connect([node], extra), version);
      if (words) expect(await messageOf(tried)).toMatch(words);
      else await tried;
    }
  });

  itDrawn('keys of the user: another one, encrypted, a wrong passphrase, not a key', async () => {
    const { node } = await prepared();
    const read = async (pair: SshKeyPair) => new Secret((await readFile(pair.file, 'utf8')).trim());
    const stranger = await read(await makeSshKey());
    const locked = await makeSshKey({ passphrase: 'open sesame', type: 'rsa' });
    await node.server.stop();
    const both = { file: '', publicKey: `${locked.publicKey}\n${client.publicKey}` };
    await startSshd({ client: both, port: node.port, hostKey: node.server.hostKey });
    const version = await make();
    const path = join(await temporaryFolder('certs'), 'a/b/c');
    const passphrase = (text: string) => new Secret(text);
    const cases: readonly [Record<string, unknown>, string | undefined][] = [
      [{ privateKey: stranger }, `it lets ${node.server.user} in neither with the key`],
      [{ privateKey: await read(locked) }, 'the private key is encrypted: give its `passphrase`'],
      [{ privateKey: await read(locked), passphrase: passphrase('hm') }, 'does not open the private key'],
      [{ privateKey: new Secret('hello') }, 'the private key cannot be read'],
      [{ privateKey: new Secret(client.publicKey) }, 'the private key cannot be read (it is a public key)'],
      [{ privateKey: undefined, password: passphrase('guess') }, `it lets ${node.server.user} in neither`],
      // Folders that are missing are created.
      [{ privateKey: await read(locked), passphrase: passphrase('open sesame') }, undefined],
    ];
    for (const [extra, words] of cases) {
      const tried = deploy(await connect([node], { command: undefined, path, ...extra }), version);
      if (words) expect(await messageOf(tried)).toContain(words);
      else await tried;
    }
    expect(await fingerprintOfFile(join(path, 'live/www/cert.pem'))).toBe(version.facts.fingerprint);
  });

  itDrawn(
    'the connection is cut anywhere in the delivery: one whole version is in use, and the next try finishes',
    async () => {
      const { node, first, second } = await prepared();
      const proxy = await startCuttingProxy(node.port);
      const deployer = await connect([node], {
        nodes: [`127.0.0.1:${proxy.port}`],
        hostKeys: [node.server.fingerprint],
        knownHosts: undefined,
      });
      await deploy(deployer, first);
      const sent: number[] = [];
      for (const stepOf of ['stage', 'activate'] as const) {
        proxy.cutAfter = undefined;
        let staged = await deployer.stage(second, note, signal);
        sent.push(proxy.passed);
        await deployer.activate(second, staged, note, signal);
        const whole = stepOf === 'stage' ? (sent[0] as number) : proxy.passed;
        for (const share of sampled([0.4, 0.7, 0.8, 0.9, 0.97], 2, `cut in ${stepOf}`)) {
          await deploy(deployer, first);
          await rm(join(node.folder, 'certs/archive/www', second.id), { recursive: true });
          if (stepOf === 'activate') staged = await deployer.stage(second, note, signal);
          proxy.cutAfter = Math.round(whole * share);
          const failed = await (stepOf === 'stage'
            ? deployer.stage(second, note, signal)
            : deployer.activate(second, staged, note, signal)
          ).then(
            () => undefined,
            (error: Error) => error,
          );
          proxy.cutAfter = undefined;
          if (failed) expect(failed.message).toContain('closed');
          const [cert, key] = await Promise.all(
            ['cert', 'privkey'].map((name) => readFile(join(node.folder, 'certs/live/www', `${name}.pem`), 'utf8')),
          );
          const used = [first, second].find(({ certPem }) => certPem === cert);
          expect(key).toBe(used?.keyPem.reveal());
          for (const { mode } of await findKeyFiles(node.folder)) expect(mode).toBe(0o600);
          await deploy(deployer, second);
          expect((await deployer.look(second, signal)).state).toBe('current');
          await deployer.retire?.(first, undefined, signal);
        }
      }
      await proxy.stop();
    },
  );

  itDrawn('a node that stops answering, and an abort: it ends in time, and nothing stays open', async () => {
    const { node, first, second } = await prepared();
    const proxy = await startCuttingProxy(node.port);
    const options = { nodes: [`127.0.0.1:${proxy.port}`], hostKeys: [node.server.fingerprint], knownHosts: undefined };
    await deploy(await connect([node], options), first);
    proxy.freeze();
    expect(await messageOf(deploy(await connect([node], { ...options, timeout: '500ms' }), second))).toContain(
      'it took longer than 0.5 s',
    );
    const abort = new AbortController();
    const looking = (await connect([node], options)).look(second, abort.signal);
    const stopped = new Error('stopped');
    abort.abort(stopped);
    await expect(looking).rejects.toBe(stopped);
    await until(() => proxy.open === 0, { what: 'all connections are closed' });
    await proxy.stop();
  });

  itDrawn('a command that hangs is ended and the previous version put back, also after an abort', async () => {
    const { node, first, second } = await prepared();
    await deploy(await connect([node]), first);
    const hanging = `cd "$NODE"; if grep -q ${first.id} again 2>/dev/null; then exit 0; fi
echo ${first.id} > again; echo $$ > pid; trap '' TERM; sleep 600 & wait; wait`;
    const pid = async () => Number(await readFile(join(node.folder, 'pid'), 'utf8').catch(() => '0'));
    const isGone = async () => !(await readdir('/proc')).includes(`${await pid()}`);
    // The time of the command is over once it runs.
    const late = new AbortController();
    const clock: Clock = {
      ...systemClock,
      deadline: (ms, parent) =>
        ms === 77_000 ? { signal: late.signal, expired: true, done() {} } : systemClock.deadline(ms, parent),
    };
    const slow = await connect([node], { command: hanging, timeout: '77s' }, { ...createDeployWorld().world, clock });
    const tried = messageOf(deploy(slow, second));
    await until(async () => (await pid()) > 0, { what: 'the command runs', deadlineMs: 60_000 });
    late.abort(new DOMException('over', 'TimeoutError'));
    expect(await tried).toContain('the command took longer than 77 s and was ended');
    expect(await inUse(node)).toBe(first.facts.fingerprint);
    await until(isGone, { what: 'the command is gone' });
    await rm(join(node.folder, 'again'));
    await rm(join(node.folder, 'pid'));

    const abort = new AbortController();
    const patient = await connect([node], { command: hanging });
    const staged = await patient.stage(second, note, signal);
    const activating = patient.activate(second, staged, note, abort.signal);
    await until(async () => (await pid()) > 0, { what: 'the command runs', deadlineMs: 60_000 });
    const stopped = new Error('stopped');
    abort.abort(stopped);
    await expect(activating).rejects.toBe(stopped);
    await until(isGone, { what: 'the command is gone' });
    expect(await inUse(node)).toBe(first.facts.fingerprint);
  });

  test('a private key is only in a file that had mode 0600 when it was made', async () => {
    const log = join(await temporaryFolder('log'), 'sftp');
    const node = await startNode(
      `Subsystem sftp cd "$NODE" && exec /usr/lib/openssh/sftp-server -e -l VERBOSE 2>> ${log}`,
    );
    const version = await make();
    await deploy(await connect([node], { mode: '0640' }), version);
    const lines = (await readFile(log, 'utf8')).split('\n').filter((line) => line.includes('/privkey.pem"'));
    expect(lines.map((line) => line.replace(/"[^"]*"/, 'it'))).toEqual([
      expect.stringMatching(/^open it flags \S*EXCL mode 0600/),
      expect.stringMatching(/^set it mode 0640/),
      expect.stringMatching(/^fsync it/),
      expect.stringMatching(/^close it bytes read 0 written \d{3}/),
    ]);
    expect((await findKeyFiles(node.folder)).map(({ mode }) => mode)).toEqual([0o640]);
  });

  itDrawn(
    'a full disk: the old version stays, the message says what it may be, and the next try succeeds',
    async () => {
      const { node, deployer, first, second } = await prepared();
      await deploy(deployer, first);
      // A limit of the server's file size, as a full disk: sftp-server answers "Failure" to both.
      await node.server.stop();
      const server = join(node.folder, 'limited');
      await writeFile(
        server,
        '#!/bin/sh\ntrap "" XFSZ\nulimit -f 1\ncd "$NODE" && exec /usr/lib/openssh/sftp-server\n',
        {
          mode: 0o755,
        },
      );
      const limited = await startSshd({
        client,
        port: node.port,
        hostKey: node.server.hostKey,
        config: `Subsystem sftp ${server}\nSetEnv NODE=${node.folder} SHLVL=2`,
      });
      const message = await messageOf(deploy(deployer, second));
      expect(message).toMatch(/the node reports only “Failure”: its disk may be full .*\/archive\/www\/v\d+\/\w+\.pem/);
      expect(await inUse(node)).toBe(first.facts.fingerprint);
      await limited.stop();
      await node.start();
      expect((await deployer.look(first, signal)).state).toBe('current');
      await deploy(deployer, second);
      expect(await inUse(node)).toBe(second.facts.fingerprint);
    },
  );

  itDrawn('two certificates to one node at once', async () => {
    const { node } = await prepared();
    const [www, mail] = [await make('www'), await make('mail')];
    await Promise.all([deploy(await connect([node]), www), deploy(await connect([node]), mail)]);
    expect([await inUse(node), await inUse(node, 'mail')]).toEqual([www.facts.fingerprint, mail.facts.fingerprint]);
    expect((await node.ran()).toSorted()).toEqual([www.id, mail.id].toSorted());
  });

  test('the command sees certbot’s variables as they are, and no secret is on a command line', async () => {
    const program = ['/bin/sh', '-c', 'cd "$NODE"; env > env; cat /proc/[0-9]*/cmdline > lines', 'it’s $HOME'];
    const { node, deployer, first } = await prepared({ extra: { command: program } });
    await deploy(deployer, first);
    const seen = (await readFile(join(node.folder, 'env'), 'utf8')).split('\n');
    expect(seen).toContain('RENEWED_DOMAINS=www.example.test *.example.test');
    expect(seen).toContain(`RENEWED_LINEAGE=${sshNodePath}/live/www`);
    const lines = await readFile(join(node.folder, 'lines'), 'utf8');
    expect(lines).toContain('it’s $HOME');
    expect(lines).not.toContain('PRIVATE KEY');
  });

  itDrawn('what a node may lack: SFTP, the right to write, a shell', async () => {
    const version = await make();
    const folder = await temporaryFolder('certs');
    const [path, greeting] = [join(folder, 'certs'), join(folder, 'greeting')];
    await writeFile(greeting, '#!/bin/sh\necho Welcome\nexec /usr/lib/openssh/sftp-server\n', { mode: 0o755 });
    const cases: readonly [string, Record<string, unknown>, string | undefined][] = [
      [`Subsystem sftp ${greeting}`, {}, 'its login shell prints something before SFTP begins'],
      ['Subsystem sftp /nowhere/sftp-server', {}, 'its SFTP server did not start'],
      ['Subsystem other /bin/true', {}, 'it offers no SFTP; enable it in its sshd_config'],
      ['Subsystem sftp /usr/lib/openssh/sftp-server -R', {}, 'permission denied'],
      ['Subsystem sftp internal-sftp\nForceCommand internal-sftp', { path }, 'the command ended with'],
      // An account for SFTP alone is enough without a command.
      ['Subsystem sftp internal-sftp\nForceCommand internal-sftp', { path, command: undefined }, undefined],
    ];
    for (const [config, extra, words] of cases) {
      const tried = deploy(await connect([await startNode(config)], extra), version);
      if (words) expect(await messageOf(tried)).toContain(words);
      else await tried;
    }
    expect(await fingerprintOfFile(join(path, 'live/www/cert.pem'))).toBe(version.facts.fingerprint);
  });

  itDrawn(
    'folders of others: a link, another owner, and a live/ that certfleet did not make are left alone',
    async () => {
      const { node, first } = await prepared();
      const place = await temporaryFolder('places');
      const at = (name: string) => join(place, name);
      await mkdir(at('elsewhere'));
      await mkdir(at('linked'));
      await symlink('../elsewhere', at('linked/live'));
      await mkdir(at('certbot/live/www'), { recursive: true });
      const cases: [string, RegExp][] = [
        [at('linked'), /linked\/live is a symbolic link/],
        [at('certbot'), /certbot\/live\/www is a folder that certfleet did not make/],
      ];
      if (process.getuid?.() === 0) {
        await mkdir(at('foreign'));
        await chown(at('foreign'), 65_534, 65_534);
        cases.push([at('foreign'), /foreign belongs to user 65534/]);
      }
      for (const [path, words] of cases) {
        const error = await deploy(await connect([node], { path }), first).then(
          () => expect.fail(path),
          (error: Error) => error,
        );
        expect(error.message).toMatch(words);
        expect(error).toMatchObject({ code: expect.stringMatching(/^deploy\//) });
      }
      expect(await readdir(at('elsewhere'))).toEqual([]);
    },
  );

  itDrawn('owner, group and mode are those of the node, and a bundle for HAProxy', async () => {
    const group = (await readFile('/etc/group', 'utf8')).split('\n')[0]?.split(':')[0] ?? '';
    const { node, deployer, first } = await prepared({
      extra: { mode: '0640', haproxyBundle: true, ...(process.getuid?.() === 0 ? { owner: 'nobody', group } : {}) },
    });
    await deploy(deployer, first);
    expect((await deployer.look(first, signal)).state).toBe('current');
    const stats = await stat(join(node.folder, 'certs/live/www/haproxy.pem'));
    expect(stats.mode & 0o7777).toBe(0o640);
    if (process.getuid?.() === 0) expect(stats.uid).toBeGreaterThan(0);
  });
});
