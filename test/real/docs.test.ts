import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { basename, dirname, join, relative } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { translate } from '../../src/cli/certbot/translate.ts';
import { main } from '../../src/cli/main.ts';
import { parseArguments } from '../../src/cli/program.ts';
import { errorTable } from '../../src/core/errors/error-table.ts';
import { registry } from '../../src/generated/registry.ts';
import { optionOfFlag } from '../../src/migrate/certbot/flag-table.ts';
import { readCertbot } from '../../src/migrate/certbot/words.ts';
import { splitAtCertbot } from '../../src/migrate/other-clients.ts';
import { commandLine } from '../support/command-line.ts';
import { bareEnvironment, findProgram, repositoryRoot, temporaryFolder } from '../support/service.ts';
import { stopAllAfterwards } from '../support/vitest.ts';

// Runs every example in the documents, or checks it with the program that would read it.

stopAllAfterwards();

const execute = promisify(execFile);

interface Block {
  readonly language: string;
  readonly text: string;
  /** `docs/x.md:12`, for messages. */
  readonly where: string;
}

const paths: readonly string[] = [
  ...(await readdir(repositoryRoot)),
  ...(await readdir(join(repositoryRoot, 'docs'), { recursive: true })).map((path) => join('docs', path)),
]
  .filter((path) => path.endsWith('.md'))
  .sort();
const documents = new Map<string, string>();
for (const path of paths) documents.set(path, await readFile(join(repositoryRoot, path), 'utf8'));

const blocksOf = (path: string): readonly Block[] => {
  const text = documents.get(path) ?? '';
  return [...text.matchAll(/^```([^\n]*)\n(.*?)^```$/gms)].map((match) => ({
    language: match[1]!,
    text: match[2]!,
    where: `${path}:${text.slice(0, match.index).split('\n').length}`,
  }));
};
const blocks = paths.flatMap(blocksOf);
const written = (language: string) => blocks.filter((block) => block.language === language);

/** Text without its code blocks. */
const proseOf = (text: string): string => text.replaceAll(/^```[^\n]*\n.*?^```$/gms, '');

// ── Command lines ────────────────────────────────────────────────────────────────────────────────────────────────

const silent = { write: () => true };
const dnspodFile = 'dns_dnspod_api_id = 1\ndns_dnspod_api_token = t0ken\n';

/** Splits the documents' simple lines into words like a shell; a comment, a pipe or a `>` ends a line. */
function wordsOf(line: string): readonly string[] {
  const words = (line.match(/(?:'[^']*'|[^\s'])+/g) ?? []).map((word) => word.replaceAll("'", ''));
  const end = words.findIndex((word) => /^([#>|;]|&&)/.test(word));
  return end < 0 ? words : words.slice(0, end);
}

interface Typed {
  readonly words: readonly string[];
  readonly where: string;
}

const certfleetLine = /^(?:[#$] )?(?:(?:[\d*]+ ){5})?(?:ExecStart=)?(?:sudo )?(?:\S*\/)?certfleet (.*)$/;

/** Command lines in blocks (also cron's and systemd's). */
const inBlocks: readonly Typed[] = blocks
  .filter(({ language }) => ['sh', 'console', 'crontab', 'systemd'].includes(language))
  .flatMap(({ text, where }) =>
    text.split('\n').flatMap((line) => {
      const found = certfleetLine.exec(line);
      return found ? [{ words: wordsOf(found[1]!), where }] : [];
    }),
  );

/** `certfleet …` within a sentence or a table; `…` and words in capitals are placeholders. */
const inText: readonly Typed[] = paths.flatMap((path) =>
  [...proseOf(documents.get(path)!).matchAll(/`certfleet ([a-z][^`]*)`/g)]
    .filter(([, line]) => !/[…[\]<>]/.test(line!))
    .map(([, line]) => ({ words: wordsOf(line!), where: path })),
);

describe('command lines', () => {
  it('are found', () => {
    expect(inBlocks.length).toBeGreaterThan(25);
    expect(inText.length).toBeGreaterThan(25);
  });

  it('are understood by the program', async () => {
    const isMentioned = new Set(inText.map(({ words }) => words));
    const all = [...inBlocks, ...inText].map(async ({ words, where }) => {
      // `certfleet help renew` and a bare group print help.
      const help = words[0] === 'help';
      try {
        const certbots = splitAtCertbot(words);
        if (certbots) return readCertbot(certbots.theirs).verb === '' ? [where] : [];
        const { argv } = await translate(words, registry);
        const typed = parseArguments(argv, { stdout: silent, stderr: silent });
        // `-d` must be a name, or one of the documents' placeholders.
        return help || 'command' in typed ? [] : [`${where}: certfleet ${words.join(' ')}`];
      } catch (error) {
        // A command that is only mentioned in a sentence may lack its arguments.
        const message = (error as Error).message;
        return /missing required argument/.test(message) && isMentioned.has(words)
          ? []
          : [`${where}: certfleet ${words.join(' ')}: ${message}`];
      }
    });
    expect((await Promise.all(all)).flat()).toEqual([]);
  });

  it('to issue are accepted: every value is valid', async () => {
    const issues = inBlocks.filter(({ words }) => words[0] === 'issue' && words.includes('-d'));
    expect(issues.length).toBeGreaterThan(10);
    const secret = 'c2VjcmV0IG9mIHRoZSB0ZXN0';
    for (const { words, where } of issues) {
      // With a fake fleet: the flags become a whole spec.
      const done = await commandLine({
        files: {
          '/etc/certfleet/tsig': secret,
          '/etc/certfleet/eab.key': secret,
          '/etc/certfleet/dnspod.ini': dnspodFile,
          '/etc/letsencrypt/dnspod.ini': dnspodFile,
        },
        env: {
          CERTFLEET_RFC2136_SERVER: 'ns1.example.com:53',
          CERTFLEET_RFC2136_KEY_NAME: 'acme',
          CERTFLEET_RFC2136_SECRET: secret,
        },
      }).run(...words);
      expect(done, `${where}: ${words.join(' ')}`).toMatchObject({ code: 0, calls: [expect.anything()] });
    }
  });

  it('name only flags that exist', () => {
    // These tables and lines name flags of other programs.
    const foreign =
      /^docs\/(guides\/(coming-from-certbot|coming-from-other-clients|wildcard-over-dns)|reference\/certbot)\./;
    const known = new Set(
      [...documents.get('docs/reference/cli.md')!.matchAll(/--[a-z][\w-]*/g)].map(([flag]) => flag),
    );
    const certbots = ['', '-credentials', '-propagation-seconds'].map((end) => `--dns-NAME${end}`);
    const errors = /^docs\/reference\/errors\./;
    for (const flag of ['--version', '--help', ...certbots]) known.add(flag);
    // A hook's flags in a reference are examples, like those of other programs.
    const others = /\b(hook|npm|npx|git|docker|node|systemctl|apt-get|curl|dig|biome|esbuild|tsc)\b/;
    const wrong = paths
      .filter((path) => !foreign.test(path) && !path.startsWith('docs/decisions/') && path !== 'CONTRIBUTING.md')
      .flatMap((path) =>
        [...proseOf(documents.get(path)!).matchAll(/`([^`]*--[a-z][^`]*)`/g)]
          .filter(([, code]) => !others.test(code!))
          .flatMap(([, code]) => [...code!.matchAll(/(?<![\w-])--[a-z][\w-]*/g)].map(([flag]) => flag))
          // Some errors are about command lines of certbot.
          .filter(
            (flag) => !known.has(flag) && !(errors.test(path) && (optionOfFlag(flag) || flag === '--dns-PROVIDER')),
          )
          .map((flag) => `${path}: ${flag}`),
      );
    expect(wrong).toEqual([]);
  });
});

// ── Configuration ────────────────────────────────────────────────────────────────────────────────────────────────

describe('configuration', () => {
  // outside-module.test.ts checks the one with a module, which needs the built program.
  const configurations = written('yaml').filter(({ text }) => !text.includes('module: ./mine.js'));

  it('is found', () => expect(configurations.length).toBeGreaterThan(8));

  it.each(configurations.map((block) => [block.where, block] as const))('%s is valid', async (_where, block) => {
    const file = join(await temporaryFolder('docs'), 'certfleet.yaml');
    // The check reads secrets, so there must be one.
    const secret = join(dirname(file), 'secret');
    await writeFile(secret, 'c2VjcmV0IG9mIHRoZSB0ZXN0\n', { mode: 0o600 });
    // The address of a webhook is a secret, too.
    const url = join(dirname(file), 'url');
    await writeFile(url, 'https://hooks.example.com/services/T0/B0/c2VjcmV0\n', { mode: 0o600 });
    const credentials = join(dirname(file), 'dnspod.ini');
    await writeFile(credentials, dnspodFile, { mode: 0o600 });
    const roots = join(dirname(file), 'private-ca.pem');
    await writeFile(roots, '-----BEGIN CERTIFICATE-----\n');
    const text = block.text
      .replaceAll(/"file:[^"]*"/g, (path) => `"file:${path.endsWith('-url"') ? url : secret}"`)
      .replaceAll('/etc/certfleet/dnspod.ini', credentials)
      .replaceAll('/etc/ssl/private-ca.pem', roots);
    await writeFile(file, text);
    const said: string[] = [];
    const output = { write: (text: string) => said.push(text) };
    const databaseUrl = 'postgres://certfleet:secret@db.example.com/certfleet';
    const named = [...block.text.matchAll(/env:([A-Z_]+)/g)].map(([, name]) => [
      name,
      name === 'DATABASE_URL' ? databaseUrl : 'secret',
    ]);
    const code = await main(['config', 'check', '--config', file], {
      env: { ...bareEnvironment(), ...Object.fromEntries(named) },
      stdout: output,
      stderr: output,
      isTerminal: false,
    });
    expect(code, said.join('')).toBe(0);
  });
});

// ── Other programs' configuration ────────────────────────────────────────────────────────────────────────────────

/** Runs a program; returns its output if it failed. */
const refusal = (program: string, ...args: readonly string[]): Promise<string> =>
  execute(program, [...args]).then(
    () => '',
    (error: { stdout?: string; stderr?: string; message: string }) =>
      `${error.stdout ?? ''}${error.stderr ?? ''}` || error.message,
  );

describe('what other programs read', () => {
  const checked = (language: string, program: string, check: (block: Block, folder: string) => Promise<string>) => {
    const list = written(language);
    it.runIf(findProgram(program, 'system') !== undefined)(`${program} accepts every ${language} block`, async () => {
      expect(list.length).toBeGreaterThan(0);
      const folder = await temporaryFolder(`docs-${language}`);
      for (const block of list) expect(await check(block, folder), block.where).toBe('');
    });
  };

  checked('haproxy', 'haproxy', async ({ text }, folder) => {
    const [file, certificates] = [join(folder, 'haproxy.cfg'), join(folder, 'certs')];
    await mkdir(certificates, { recursive: true });
    // Its folder of certificates must exist; a frontend without a backend is a warning.
    const map = join(folder, 'acme.map');
    await writeFile(map, '');
    // A rule alone belongs into a frontend.
    const section = text.startsWith('http-request')
      ? `defaults\n  timeout client 9s\nfrontend web\n  bind 127.0.0.1:1080\n  mode http\n  ${text}`
      : text;
    await writeFile(
      file,
      section.replaceAll('/etc/haproxy/certs', certificates).replaceAll('/etc/haproxy/certfleet-acme.map', map),
    );
    return refusal(findProgram('haproxy', 'system')!, '-c', '-q', '-f', file);
  });

  checked('nginx', 'nginx', async ({ text }, folder) => {
    const key = join(folder, 'key.pem');
    const certificate = join(folder, 'certificate.pem');
    if (!existsSync(key)) {
      await execute('openssl', [
        ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '1'],
        ...['-subj', '/CN=www.example.com', '-keyout', key, '-out', certificate],
      ]);
    }
    const file = join(folder, 'nginx.conf');
    const included = join(folder, 'certfleet-acme.conf');
    await writeFile(included, '');
    const block = text
      .replaceAll('/etc/nginx/certfleet-acme.conf', included)
      .replaceAll(/ssl_certificate \S+;/g, `ssl_certificate ${certificate};`)
      .replaceAll(/ssl_certificate_key \S+;/g, `ssl_certificate_key ${key};`)
      // Do not bind ports that may be in use.
      .replaceAll(/listen 80;/g, 'listen 127.0.0.1:1080;')
      .replaceAll(/listen 443 ssl;/g, 'listen 127.0.0.1:1443 ssl;');
    await writeFile(
      file,
      `pid ${folder}/pid; error_log stderr; events {}\nhttp { access_log off;\n${temporaryPaths(folder)}${block}}\n`,
    );
    return refusal(findProgram('nginx', 'system')!, '-t', '-q', '-c', file);
  });

  checked('bind', 'named-checkconf', async ({ text }, folder) => {
    const key = join(folder, 'acme.key');
    await writeFile(key, 'key "acme" { algorithm hmac-sha256; secret "c2VjcmV0IG9mIHRoZSB0ZXN0"; };\n');
    const file = join(folder, 'named.conf');
    await writeFile(file, text.replaceAll('/etc/bind/acme.key', key));
    return refusal(findProgram('named-checkconf', 'system')!, file);
  });

  checked('systemd', 'systemd-analyze', async ({ text }, folder) => {
    const name = /^# \S+\/(certfleet\.\w+)$/m.exec(text)?.[1] ?? 'unnamed';
    // The program itself need not be installed; a timer's service must be beside it.
    await writeFile(join(folder, name), text.replaceAll('/usr/local/bin/certfleet', '/bin/true'));
    if (name.endsWith('.timer') && !existsSync(join(folder, 'certfleet.service'))) return 'no service before the timer';
    // An unknown key is only a line on stderr, with exit code 0.
    const said = await execute(findProgram('systemd-analyze', 'system')!, ['verify', join(folder, name)]).then(
      ({ stderr }) => stderr,
      (error: { stderr?: string; message: string }) => error.stderr || error.message,
    );
    // A container has no systemd.
    return /Failed to (connect|initialize)|not booted/i.test(said) ? '' : said;
  });
});

describe('the key of RFC 2136', () => {
  it.runIf(findProgram('tsig-keygen', 'system') !== undefined)('is made by the documented commands', async () => {
    const folder = await temporaryFolder('docs-tsig');
    await mkdir(join(folder, 'bind'));
    const { text } = written('console').find((block) => block.text.includes('tsig-keygen'))!;
    const lines = text.trimEnd().split('\n');
    // Each line is for root; here in other folders, with the most permissive usual umask.
    const typed = lines.map((line) => line.replace(/^# /, '').replaceAll(/\/etc\/(?=bind|certfleet)/g, `${folder}/`));
    await execute('/bin/sh', ['-e', '-c', ['umask 022', ...typed].join('\n')], {
      env: { PATH: `${process.env['PATH']}:/usr/sbin:/sbin` },
    });
    const [key, secret] = [join(folder, 'bind/acme.key'), join(folder, 'certfleet/tsig')];
    const content = await readFile(secret, 'utf8');
    expect(content).toMatch(/^[A-Za-z0-9+/]{43}=\n$/);
    expect(await readFile(key, 'utf8')).toContain(`secret "${content.trim()}";`);
    const modeOf = async (path: string) => ((await stat(path)).mode & 0o777).toString(8);
    expect([await modeOf(key), await modeOf(secret)]).toEqual(['640', '600']);
  });
});

/** nginx needs these folders even for a test, and an ordinary user cannot use the compiled defaults. */
const temporaryPaths = (folder: string): string =>
  ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((what) => `${what}_temp_path ${folder}/${what};`).join('\n');

// ── Links, errors, languages ─────────────────────────────────────────────────────────────────────────────────────

/** A heading's anchor, as GitHub makes it. */
const anchorOf = (heading: string): string =>
  heading
    .replaceAll(/[`*]|\[|\]\([^)]*\)/g, '')
    .trim()
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
    .replaceAll(/\s/g, '-');

const anchorsOf = (path: string): ReadonlySet<string> => {
  const text = documents.get(path) ?? '';
  return new Set([
    ...[...proseOf(text).matchAll(/^#+ (.*)$/gm)].map(([, heading]) => anchorOf(heading!)),
    ...[...text.matchAll(/<a id="([^"]+)">/g)].map(([, id]) => id!),
  ]);
};

describe('links', () => {
  it('between documents are valid', () => {
    const broken = paths.flatMap((path) =>
      [...proseOf(documents.get(path)!).matchAll(/\]\(([^)\s]+)\)/g)].flatMap(([, link]) => {
        if (/^(https?|mailto):/.test(link!)) return [];
        const [target = '', anchor] = link!.split('#');
        const file = target === '' ? path : join(dirname(path), target);
        if (!existsSync(join(repositoryRoot, file))) return [`${path}: ${link}`];
        if (anchor === undefined || !file.endsWith('.md')) return [];
        return anchorsOf(file).has(decodeURIComponent(anchor)) ? [] : [`${path}: ${link} (no such heading)`];
      }),
    );
    expect(broken).toEqual([]);
  });

  it('from README stay within what GitHub shows', () => {
    for (const path of paths) {
      const outside = [...documents.get(path)!.matchAll(/\]\(([^)\s]+)\)/g)]
        .map(([, link]) => link!)
        .filter((link) => !/^(https?:|#)/.test(link))
        .filter((link) => relative('.', join(dirname(path), link)).startsWith('..'));
      expect(outside, path).toEqual([]);
    }
  });

  it('every guide and every decision is in its list', () => {
    for (const folder of ['docs/guides', 'docs/decisions']) {
      const missing = paths
        .filter((path) => dirname(path) === folder && !basename(path).startsWith('README'))
        .filter((path) => {
          const list = documents.get(`${folder}/README${path.endsWith('.zh-CN.md') ? '.zh-CN' : ''}.md`)!;
          return !list.includes(`](${basename(path)})`);
        });
      expect(missing).toEqual([]);
    }
  });

  it('every folder of the sources says what belongs there', async () => {
    const entries = await readdir(join(repositoryRoot, 'src'), { recursive: true, withFileTypes: true });
    const folders = entries.filter((entry) => entry.isDirectory()).map((entry) => join(entry.parentPath, entry.name));
    expect(folders.filter((folder) => !existsSync(join(folder, 'README.md')))).toEqual([]);
  });

  it('named source files exist', () => {
    const gone = paths
      .filter((path) => !path.startsWith('docs/reference/'))
      .flatMap((path) =>
        [...proseOf(documents.get(path)!).matchAll(/`((?:src|test|scripts|docs)\/[\w./-]+\.(?:ts|mjs|md))`/g)]
          .map(([, file]) => file!)
          // The files of CONTRIBUTING's examples do not exist.
          .filter((file) => !/desec|exampledns/.test(file) && !existsSync(join(repositoryRoot, file)))
          .map((file) => `${path}: ${file}`),
      );
    expect(gone).toEqual([]);
  });
});

describe('error codes', () => {
  it('are explained on the command line as in the reference', async () => {
    const sections = documents
      .get('docs/reference/errors.md')!
      .split(/^<a id=.*\n\n### /m)
      .slice(1);
    expect(sections).toHaveLength(Object.keys(errorTable).length);
    for (const section of sections) {
      const { stdout } = await commandLine().run('explain', section.split('\n')[0]!);
      expect(stdout.trim()).toBe(section.trim());
    }
  });

  const areas = [...new Set(Object.keys(errorTable).map((code) => code.split('/')[0]!))];

  it('that are named exist', () => {
    const named = paths.flatMap((path) =>
      [...documents.get(path)!.matchAll(/(?:`|errors\.md#|certfleet explain )([a-z]+\/[a-z]+(?:-[a-z]+)*)(?=[`\s)])/g)]
        .map(([, code]) => code!)
        .filter((code) => areas.includes(code.split('/')[0]!))
        // `acme/` and others are also folders of the source.
        .filter((code) => !existsSync(join(repositoryRoot, 'src', `${code}.ts`)))
        .map((code) => ({ path, code })),
    );
    expect(named.length).toBeGreaterThan(10);
    expect(named.filter(({ code }) => !(code in errorTable))).toEqual([]);
  });
});

describe('documents in two languages', () => {
  const pairs = paths
    .filter((path) => path.endsWith('.zh-CN.md'))
    .map((chinese) => [chinese.replace('.zh-CN.md', '.md'), chinese] as const);

  it('are found', () => expect(pairs.length).toBeGreaterThan(20));

  async function readSources(): Promise<readonly (readonly [path: string, text: string])[]> {
    const found = await readdir(join(repositoryRoot, 'src'), { recursive: true });
    const sources = found.filter((path) => /\.tsx?$/.test(path) && !/\.test\.tsx?$/.test(path));
    return Promise.all(
      sources.map(async (path) => [path, await readFile(join(repositoryRoot, 'src', path), 'utf8')] as const),
    );
  }

  // Technical Chinese does without "you". The errors and their hints are in docs/reference/errors.zh-CN.md.
  it('do not address the reader in Chinese, and neither do the sources', async () => {
    const all = [...documents, ...(await readSources())];
    expect(all.filter(([, text]) => /[\u4e00-\u9fff]/.test(text)).length).toBeGreaterThan(50);
    expect(all.flatMap(([path, text]) => (/.*[你您].*/.exec(text) ?? []).map((line) => `${path}: ${line}`))).toEqual(
      [],
    );
  });

  describe.each(pairs)('%s and %s', (english, chinese) => {
    const sibling = (path: string) => basename(path === english ? chinese : english);
    const sorted = (path: string, pattern: RegExp) =>
      [...proseOf(documents.get(path)!).matchAll(pattern)].map(([, found]) => found!).sort();

    it('have the same code blocks', () => {
      const withoutComments = ({ language, text }: Block) => ({ language, text: text.replaceAll(/^ *#.*\n/gm, '') });
      expect(blocksOf(chinese).map(withoutComments)).toEqual(blocksOf(english).map(withoutComments));
    });

    it('have the same sections, links and code words', () => {
      const shape = (path: string) => [...documents.get(path)!.matchAll(/^#+ /gm)].map(([mark]) => mark);
      expect(shape(chinese)).toEqual(shape(english));
      // Headings are in the language of the document, and so are the anchors of links.
      const links = (path: string) =>
        sorted(path, /\]\(([^)\s]+)\)/g)
          .filter((link) => !link.startsWith('#') && link !== sibling(path))
          .map((link) => link.replace(/\.zh-CN(\.\w+)/, '$1').replace(/#.*/, ''))
          .sort();
      expect(links(chinese)).toEqual(links(english));
      const code = /`([^`]+)`/g;
      expect([...new Set(sorted(chinese, code))]).toEqual([...new Set(sorted(english, code))]);
    });

    it('link to each other, and to documents in their own language', () => {
      const linked = (path: string) => sorted(path, /\]\(([^)\s#]+\.md)(?:#[^)]*)?\)/g);
      expect(linked(english)).toContain(sibling(english));
      expect(linked(chinese)).toContain(sibling(chinese));
      const foreign = linked(chinese)
        .filter((link) => link !== sibling(chinese) && !link.endsWith('.zh-CN.md'))
        .filter((link) => documents.has(join(dirname(chinese), link.replace(/\.md$/, '.zh-CN.md'))));
      expect(foreign).toEqual([]);
    });
  });
});

describe('README', () => {
  it('shows figures, and no placeholders', () => {
    for (const path of ['README.md', 'README.zh-CN.md']) {
      expect(documents.get(path)).not.toMatch(/@@|TODO|TBD/);
      expect(documents.get(path)).toMatch(/acme-tiny/);
    }
  });
});
