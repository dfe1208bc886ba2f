import {
  chmodSync,
  chownSync,
  copyFileSync,
  existsSync,
  lchownSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { encodeDocument } from '../../src/core/lineage/lineage.ts';
import { testLineage } from '../../src/core/lineage/test-lineages.ts';
import type { Store } from '../../src/ports/store.ts';
import { buildCertfleet, type Certfleet, stderrOf } from '../support/e2e.ts';
import {
  create,
  failureOf,
  fileOf,
  filesWith,
  key,
  open,
  ownFolder,
  scanAll,
  signal,
  storeOfUser,
  textOf,
} from '../support/file-store-bench.ts';
import { sampled } from '../support/seeded.ts';
import { noteSkipped, stopAllAfterwards } from '../support/vitest.ts';

// A lineage says which commands to run, so who can write the store runs commands as the user of certfleet.

stopAllAfterwards();
const { base, newPath } = ownFolder();
const stranger = 65_534;
const isRoot = process.geteuid?.() === 0;
if (!isRoot) noteSkipped('not tested: stores, configurations and files that another user can write (needs root)');

/** A store in a folder of its own, with the document `a`. */
async function madeStore(): Promise<{ parent: string; root: string }> {
  const parent = newPath('parent');
  const root = join(parent, 'store');
  await create(open(root), 'a', 'one');
  return { parent, root };
}

const calls = (store: Store): readonly (() => Promise<unknown>)[] => [
  () => store.exists(signal),
  () => store.get(key('a'), signal),
  () => create(store, 'b', 'x'),
  () => store.put(key('a'), Buffer.from('x'), { ifRevision: '1-abc', signal }),
  () => store.delete(key('a'), { ifRevision: '1-abc', signal }),
  () => scanAll(store),
  () => store.check(signal),
  () => store.tidy(signal),
];

interface Case {
  readonly what: string;
  /** Opens the place to another user; returns the path of the store if it is another one. */
  readonly change: (at: { readonly parent: string; readonly root: string }) => unknown;
  /** `PARENT` and `ROOT` stand for the paths. */
  readonly reason: string;
  readonly remedy: string;
}

const pathAfter = (changed: unknown, { root }: { root: string }): string =>
  typeof changed === 'string' ? changed : root;
const filled = (text: string, { parent, root }: { parent: string; root: string }): string =>
  text.replaceAll('PARENT', parent).replaceAll('ROOT', root);

describe.skipIf(!isRoot)('a store that another user can write', () => {
  it.each<Case>([
    {
      what: 'its folder belongs to another user',
      change: ({ root }) => chownSync(root, stranger, 0),
      reason: `ROOT belongs to user ${stranger}`,
      remedy: 'chown -R root ROOT',
    },
    {
      what: 'its folder is writable for its group',
      change: ({ root }) => chmodSync(root, 0o770),
      reason: 'ROOT, which belongs to root, can be changed by its group',
      remedy: 'chmod -R go-w ROOT',
    },
    {
      what: 'its folder is sticky, but all can add to it',
      change: ({ root }) => chmodSync(root, 0o1777),
      reason: 'ROOT, which belongs to root, can be changed by every user',
      remedy: 'choose a place other than ROOT',
    },
    {
      what: 'its parent belongs to another user',
      change: ({ parent }) => chownSync(parent, stranger, 0),
      reason: `PARENT belongs to user ${stranger}`,
      remedy: 'chown root PARENT',
    },
    {
      what: 'its parent is sticky, and belongs to another user',
      change: ({ parent }) => {
        chownSync(parent, stranger, 0);
        chmodSync(parent, 0o1777);
      },
      reason: `PARENT belongs to user ${stranger}`,
      remedy: 'chown root PARENT',
    },
    {
      what: 'its path has spaces, which the remedy quotes',
      change: ({ parent, root }) => {
        renameSync(root, join(parent, 'a store'));
        chmodSync(join(parent, 'a store'), 0o777);
        return join(parent, 'a store');
      },
      reason: 'PARENT/a store, which belongs to root, can be changed by every user',
      remedy: "chmod -R go-w 'PARENT/a store'",
    },
    {
      what: 'all can rename it',
      change: ({ parent }) => chmodSync(parent, 0o777),
      reason: 'PARENT, which belongs to root, can be changed by every user',
      remedy: 'chmod go-w PARENT',
    },
    {
      what: 'a link of another user leads to it',
      change: ({ parent, root }) => {
        const open = join(parent, 'open');
        mkdirSync(open);
        chmodSync(open, 0o1777);
        symlinkSync(root, join(open, 'link'));
        lchownSync(join(open, 'link'), stranger, 0);
        return join(open, 'link');
      },
      reason: `PARENT/open/link belongs to user ${stranger}`,
      remedy: 'rm PARENT/open/link',
    },
    {
      what: 'a link leads through a folder that all can write',
      change: ({ parent, root }) => {
        mkdirSync(join(parent, 'open'));
        chmodSync(join(parent, 'open'), 0o777);
        renameSync(root, join(parent, 'open/real'));
        symlinkSync('open/../open/real', root);
      },
      reason: 'PARENT/open, which belongs to root, can be changed by every user',
      remedy: 'chmod go-w PARENT/open',
    },
  ])('is refused before anything is read: $what', async ({ change, reason, remedy }) => {
    const at = await madeStore();
    const path = pathAfter(change(at), at);
    const touched: string[] = [];
    const touch = async (one: string) => {
      touched.push(one);
      return undefined;
    };
    const watched = filesWith(() => ({ read: touch, list: touch, draft: async (one) => `${await touch(one)}` }));
    for (const call of calls(open(path, watched))) {
      const error = await failureOf(call());
      expect(error.code).toBe('store/untrusted');
      expect(error.exitCode).toBe(7);
      expect(error.message).toMatch(new RegExp(`: ${filled(reason, at)}$`));
      expect(error.hint).toContain(remedy.startsWith('choose') ? filled(remedy, at) : `\`${filled(remedy, at)}\``);
    }
    expect(touched).toEqual([]);
  });

  const documentOf = (root: string) => fileOf(root, 'a@1');
  it.each<Case>([
    {
      what: 'its folder of lineages belongs to another user',
      change: ({ root }) => chownSync(join(root, 'lineage'), stranger, 0),
      reason: `ROOT/lineage belongs to user ${stranger}`,
      remedy: 'chown -R root ROOT',
    },
    {
      what: 'a folder of documents is writable for others',
      change: ({ root }) => chmodSync(dirname(documentOf(root)), 0o702),
      reason: 'ROOT/lineage/86, which belongs to root, can be changed by every user',
      remedy: 'chmod -R go-w ROOT',
    },
    {
      what: 'a document belongs to another user',
      change: ({ root }) => chownSync(documentOf(root), stranger, 0),
      reason: `ROOT/lineage/86/a@1 belongs to user ${stranger}`,
      remedy: 'chown -R root ROOT',
    },
    {
      what: 'a document is writable for its group',
      change: ({ root }) => chmodSync(documentOf(root), 0o660),
      reason: 'ROOT/lineage/86/a@1, which belongs to root, can be changed by its group',
      remedy: 'chmod -R go-w ROOT',
    },
  ])('is refused for what was left in it while it was open: $what', async ({ change, reason, remedy }) => {
    const at = await madeStore();
    change(at);
    for (const call of [
      () => open(at.root).get(key('a'), signal),
      () => scanAll(open(at.root)),
      () => create(open(at.root), 'a', 'x'),
      () => open(at.root).put(key('a'), Buffer.from('x'), { ifRevision: '1-abc', signal }),
    ]) {
      const error = await failureOf(call());
      expect(error.code).toBe('store/untrusted');
      expect(error.message).toMatch(new RegExp(`: ${filled(reason, at)}$`));
      expect(error.hint).toContain(`\`${filled(remedy, at)}\``);
    }
  });

  it('reads no link and no pipe in place of a document', async () => {
    const { root } = await madeStore();
    const document = documentOf(root);
    renameSync(document, join(root, 'elsewhere'));
    symlinkSync(join(root, 'elsewhere'), document);
    expect((await failureOf(open(root).get(key('a'), signal))).message).toContain('it is a symbolic link of root');
  });

  it('is refused if another user was faster to make its folder', async () => {
    const parent = newPath('sticky');
    mkdirSync(parent);
    chmodSync(parent, 0o1777);
    const root = join(parent, 'store');
    const faster = filesWith((real) => ({
      async makeFolders(path, mode) {
        if (path === root && !existsSync(root)) {
          mkdirSync(root);
          chownSync(root, stranger, 0);
        }
        return real.makeFolders(path, mode);
      },
    }));
    const store = open(root, faster);
    expect(await store.exists(signal)).toBe(false);
    expect((await failureOf(store.check(signal))).code).toBe('store/untrusted');
    expect(readdirSync(root)).toEqual([]);
  });
});

describe('a store that only its user can write', () => {
  it.each<Pick<Case, 'what' | 'change'>>([
    { what: 'as certfleet makes it', change: () => {} },
    { what: 'readable for all', change: ({ root }) => chmodSync(root, 0o755) },
    { what: 'in a sticky folder', change: ({ parent }) => chmodSync(parent, 0o1777) },
    {
      what: 'behind links',
      change: ({ parent, root }) => {
        symlinkSync('./link', join(parent, 'first'));
        symlinkSync(root, join(parent, 'link'));
        return join(parent, 'first');
      },
    },
    { what: 'named with a slash at the end', change: ({ root }) => `${root}/` },
  ])('is used: $what', async ({ change }) => {
    const at = await madeStore();
    const store = open(pathAfter(change(at), at));
    expect(textOf(await store.get(key('a'), signal))).toBe('one');
    expect((await scanAll(store)).length).toBe(1);
    await store.check(signal);
    await store.tidy(signal);
  });

  it.skipIf(!isRoot)('is used by a user below folders of root', async () => {
    const parent = newPath('of-root');
    const root = join(parent, 'store');
    mkdirSync(root, { recursive: true, mode: 0o700 });
    chmodSync(base, 0o755);
    chmodSync(parent, 0o755);
    chownSync(root, stranger, stranger);
    expect(await storeOfUser(stranger, root, 'create', 'get')).toEqual([{}, { text: 'one' }]);
    const error = await failureOf(open(root).get(key('a'), signal));
    expect(error.hint).toMatch(
      /Run certfleet as that user \(`docker run --user`\)\. Or check the contents of the store, then `chown -R root /,
    );
  });
});

describe.skipIf(!isRoot)('the command line', () => {
  let certfleet: Certfleet;
  beforeAll(async () => {
    certfleet = await buildCertfleet();
  });

  /** What an attacker leaves: a lineage whose tombstone a hook is to clean up. */
  async function planted(): Promise<{ root: string; proof: string; config: string }> {
    const { parent, root } = await madeStore();
    rmSync(root, { recursive: true });
    const [proof, config] = [join(parent, 'ran'), join(parent, 'certfleet.yaml')];
    const store = open(root);
    await store.put({ kind: 'meta', name: 'store' }, encodeDocument({ schema: 1, id: 'abc' }), {
      ifRevision: null,
      signal,
    });
    const solver = { type: 'command', present: 'true', cleanup: `touch ${proof}`, challenge: 'http-01' };
    const tombstone = {
      type: 'http-01',
      identifier: 'abc.example.com',
      token: 'dG9rZW4',
      thumbprint: 'x',
      by: { solver: { name: 'web', settings: solver }, preflight: testLineage.spec.preflight },
      closedAt: '2026-01-01T00:00:00.000Z',
      looked: 0,
    };
    const lineage = { ...testLineage, origin: 'command-line', tombstones: [tombstone] };
    await store.put(key('abc'), encodeDocument(lineage as never), { ifRevision: null, signal });
    // All that the certificate needs, so that the store is whole.
    const { id, directory, accountUrl: url, facts } = testLineage.current;
    const account = { directory, keyPem: 'x', url };
    for (const [kind, name, document] of [
      ['key', `abc~${id}`, { keyPem: 'x' }],
      ['version', `abc~${id}`, { chainPem: 'x', facts, directory }],
      ['account', directory, account],
    ] as const)
      await store.put({ kind, name }, encodeDocument(document), { ifRevision: null, signal });
    writeFileSync(config, `store: { type: file, path: ${root} }\n`);
    return { root, proof, config };
  }

  const commands = [
    ['sweep'],
    ['renew'],
    ['renew', '--name', 'abc'],
    ['issue', 'abc'],
    ['issue', '-d', 'abc.example.com', '--issuer', 'https://127.0.0.1:1/dir', '--agree-tos'],
    ['status'],
    ['show', 'abc'],
    ['delete', 'abc', '--force'],
  ];

  it('runs the hook of a planted lineage only if the store is safe', async () => {
    const { root, proof, config } = await planted();
    chmodSync(root, 0o777);
    for (const command of sampled(commands, 3, 'commands on a planted store')) {
      const ran = await certfleet([...command, '--config', config]);
      expect(ran.status, command.join(' ')).toBe(7);
      expect(stderrOf(ran)).toContain(`${root}, which belongs to root, can be changed by every user`);
      expect(stderrOf(ran)).toContain(`chmod -R go-w ${root}`);
    }
    expect(existsSync(proof)).toBe(false);
    // It is the operator's own then, and this test proves that it would have run.
    chmodSync(root, 0o700);
    await certfleet(['sweep', '--config', config]);
    expect(existsSync(proof)).toBe(true);
  });

  it('refuses links that form a loop, as an error of the user', async () => {
    const loop = newPath('loop');
    symlinkSync(loop, loop);
    const ran = await certfleet(['status', '--store', loop]);
    expect(ran.status).toBe(7);
    expect(stderrOf(ran)).toContain('Symbolic links form a loop');
  });

  it('refuses the default configuration if another user can write it, and takes one that is named', async () => {
    const { root, config } = await planted();
    const place = join(dirname(root), 'etc/certfleet/certfleet.yaml');
    mkdirSync(dirname(place), { recursive: true });
    copyFileSync(config, place);
    const env = { CERTFLEET_ROOT: dirname(root) };
    for (const [change, reason, remedy] of [
      [() => chmodSync(place, 0o666), 'can be changed by every user', `chmod go-w ${place}`],
      [
        () => {
          chmodSync(place, 0o644);
          chownSync(place, stranger, 0);
        },
        'belongs to user 65534',
        `chown root ${place}`,
      ],
    ] as const) {
      change();
      for (const command of [['status'], ['config', 'check']]) {
        const ran = await certfleet(command, { env });
        expect(ran.status, command.join(' ')).toBe(2);
        expect(stderrOf(ran)).toContain(reason);
        expect(stderrOf(ran)).toContain(`\`${remedy}\``);
        expect((await certfleet([...command, '--config', place])).status, `${command.join(' ')}, named`).toBe(0);
      }
    }
  });
});
