import {
  answerForm,
  createMarkedFile,
  difference,
  type MarkedText,
  namesIn,
  ownedIn,
  type Piece,
  piece,
  type TokenRule,
  tokenPath,
  tokenRules,
} from '../clients/folders/marked-file.ts';
import { lastWords } from '../clients/folders/target.ts';
import { runNginx } from '../clients/nginx.ts';
import { fail, isFailure, reasonOf } from '../core/errors/errors.ts';
import { parseEndpoint } from '../core/names/endpoint.ts';
import { markIn } from '../core/request-path/own-mark.ts';
import { defineBalancer, passEnvironment, wholePath, z } from '../define.ts';
import type { Balancer } from '../ports/balancer.ts';

const command = (title: string) => z.tuple([z.string().min(1)], z.string()).meta({ title, local: true });

/** Stands for "no limit", which nginx does not have for locations. */
const unlimited = 1_000_000;

/** How many responses to check in one call: those for an order with as many names as Let's Encrypt allows. */
const looksAtOnce = 100;

/**
 * After a reload, nginx starts the new workers, waits 100 ms, and only then tells the old ones to accept no more
 * connections (`ngx_master_process_cycle`). So a right response is trusted only after five times that long without a
 * wrong one.
 */
const steadyMs = 500;

/**
 * The comment that is in the file from before a change until nginx has been told to reload, so that a crash in between
 * is noticed.
 */
const pending = piece('reload-pending');

const line = ({ path, answer }: TokenRule): string =>
  `location = ${path} { default_type text/plain; return 200 "${answer}"; }`;

const lineForm = new RegExp(
  `^(?:# )?(location = (${tokenPath}) \\{ default_type text/plain; return 200 "(${answerForm})"; \\})$`,
);

export default defineBalancer({
  id: 'nginx',
  title: 'nginx',
  homepage: 'https://nginx.org/en/docs/http/ngx_http_core_module.html#location',
  since: '0.1.0',
  options: z.strictObject({
    file: wholePath()
      .default('/etc/nginx/certfleet-acme.conf')
      .meta({ title: 'File that the server blocks include', examples: ['/etc/nginx/certfleet-acme.conf'] }),
    address: z
      .string()
      .regex(/^(\d+(\.\d+){3}|\[[0-9a-fA-F:.]+\]):\d{1,5}$/, {
        error: 'an IP address and a port, such as 127.0.0.1:80',
      })
      .default('127.0.0.1:80')
      .meta({
        title: 'Where this nginx accepts plain HTTP: certfleet looks there whether it has reloaded',
        examples: ['127.0.0.1:80'],
      }),
    test: command('Program and arguments that test the configuration').default(['nginx', '-t']),
    reload: command('Program and arguments that reload it').default(['nginx', '-s', 'reload']),
    passEnvironment: passEnvironment(),
  }),
  notes: `nginx answers challenges itself, so no node needs a responder or an open port. Create an empty file (\`touch
/etc/nginx/certfleet-acme.conf\`), and include it once in each server block of port 80 that gets the CA's requests:

\`\`\`nginx
include /etc/nginx/certfleet-acme.conf;
\`\`\`

For each token, certfleet writes one line into the file (\`location = /.well-known/acme-challenge/TOKEN\`), with a comment
that carries its mark, tests the configuration, and reloads nginx; afterwards it removes the line in the same way. nginx
prefers a location with \`=\` to every other one, so a \`location\` of other ACME clients for the same folder keeps working
for their tokens. Only a \`return\` or \`rewrite\` that stands directly in the server block comes first: put a redirect into
\`location / { return 301 https://$host$request_uri; }\`. Other lines of the file stay as they are.

If the test or the reload fails, the file goes back to what it was, and nginx keeps running as before. An answer counts as
ready when nginx has given it at \`address\`, for the name of the order, for half a second without a wrong one in between,
since old workers accept connections for a moment after a reload. A reload lets old workers finish their requests; nginx
keeps them for as long as a connection is busy (\`worker_shutdown_timeout\` bounds that).

certfleet must be allowed to signal nginx (root, or \`reload: [sudo, …]\`). The file's folder must belong to root or to the
user that runs certfleet, who must be allowed to write in it. Of certfleet's own environment, the commands get the [listed
variables](../guides/deliver.md#the-environment-of-a-hook) and those of \`passEnvironment\`. Installations with
stores of their own should have files of their own.`,
  connect({ options, name, world }): Balancer {
    const balancer = `the balancer "${name}" (nginx)`;
    const at = parseEndpoint(options.address);
    const file = createMarkedFile({
      world,
      path: options.file,
      balancer,
      missing: `Create it (\`touch ${options.file}\`), and write \`include ${options.file};\` into the server blocks of port 80.`,
      isOurs: (line) => lineForm.test(line),
    });
    /** By rule name, the time since which every response for the rule has been right. */
    const rightSince = new Map<string, number>();
    /** The rules whose responses have been right for long enough. */
    const believed = new Set<string>();
    const forget = (pieces: MarkedText): void => {
      for (const name of namesIn(pieces)) {
        rightSince.delete(name);
        believed.delete(name);
      }
    };

    /** Runs one of nginx's commands. Throws if it fails, or {@link Interrupted} if its effect is unknown. */
    async function run(
      command: readonly [string, ...string[]],
      advise: (output: string) => string,
      { text, signal }: { readonly text: MarkedText; readonly signal: AbortSignal },
    ): Promise<void> {
      const action = `\`${command.join(' ')}\``;
      const { passEnvironment } = options;
      const result = await runNginx(world.processes, command, { passEnvironment, signal }).catch((cause: unknown) => {
        if (isFailure(cause, 'process/timeout')) {
          const reason = reasonOf(cause);
          throw new Interrupted(command, fail('balancer/failed', { balancer, action, reason }, { cause }));
        }
        if (!isFailure(cause, 'process/failed')) throw new Interrupted(command, cause);
        const advice = 'Check `test` and `reload` of this balancer.';
        throw fail('balancer/refused', { balancer, action, reason: reasonOf(cause), advice }, { cause });
      });
      if (!result) return;
      const answers = rulesOf(text).map(({ answer }) => answer);
      const output = answers.reduce((rest, answer) => rest.replaceAll(answer, '***'), lastWords(result));
      const reason = `it ended with ${result.status}: ${output}`;
      throw fail('balancer/refused', { balancer, action, reason, advice: advise(output) });
    }

    const adviseOnTest = (output: string): string => {
      if (!output.includes(options.file)) return 'Mend nginx’s configuration, which this command tests.';
      if (/duplicate location/.test(output))
        return `Write \`include ${options.file};\` only once into each server block, also counting files that it includes.`;
      if (/not allowed here/.test(output))
        return `Write \`include ${options.file};\` into server blocks, not outside of them.`;
      return `Look at the lines of ${options.file} that are not certfleet’s.`;
    };
    const adviseOnReload = () =>
      'Check that nginx is running, and that certfleet may signal it: run it as root, or set `reload: [sudo, …]`.';

    /**
     * Changes the file and reloads nginx. A rule is in the file before nginx has it, and stays there as a comment until
     * nginx has dropped it. If the test or the reload fails, the file gets its previous content back.
     */
    async function change(
      before: MarkedText,
      { gone, added = [] }: { readonly gone: MarkedText; readonly added?: MarkedText },
      signal: AbortSignal,
    ): Promise<void> {
      const rest = before.filter(({ name }) => name !== pending.name);
      if (gone.length + added.length === 0 && rest.length === before.length) return;
      forget([...gone, ...added]);
      const during = [pending, ...inEffect([...added, ...rest], gone)];
      await file.write(during, signal);
      const how = { text: during, signal };
      try {
        await run(options.test, adviseOnTest, how);
        await run(options.reload, adviseOnReload, how);
      } catch (error) {
        // An interrupted reload may have begun. The file has passed the test, and its mark says that the reload must be
        // repeated.
        if (error instanceof Interrupted && error.command === options.reload) throw error.cause;
        await file.write(before, new AbortController().signal);
        throw error instanceof Interrupted ? error.cause : error;
      }
      await file.write(inEffect([...added, ...rest.filter((one) => !gone.includes(one))]), signal);
    }

    /** Returns why nginx does not give the wanted response, or undefined if it does. */
    async function wrongAnswer(
      rule: Pick<TokenRule, 'path' | 'answer'>,
      host: string,
      signal: AbortSignal,
    ): Promise<string | undefined> {
      const where = `at ${options.address} for ${host}`;
      try {
        const { status, location, body } = await world.vantage.get(
          `http://${host}${rule.path}`,
          { address: at.host, port: at.port },
          signal,
        );
        if (status === 200 && body === rule.answer) return undefined;
        if (status >= 300 && status < 400)
          return `nginx redirects ${where} to ${location ?? 'another place'}; put the redirect of its server block into \`location / { … }\``;
        return `nginx answers HTTP ${status} ${where}; it has not reloaded yet, or that server block lacks \`include ${options.file};\``;
      } catch (error) {
        if (signal.aborted) throw signal.reason;
        return `nginx does not answer ${where}: ${reasonOf(error)}; \`address\` names where it accepts plain HTTP`;
      }
    }

    return {
      type: 'nginx',
      resource: `nginx ${options.file}`,
      listener: options.address,
      mode: 'fixed-response',

      async inspect(signal) {
        const rules = rulesOf(await file.read(signal));
        return {
          matching: 'best',
          rules: rules.map(({ name, path }) => ({ name, path, action: 'answers a challenge' })),
          rulesLeft: unlimited,
        };
      },

      async apply(wanted, _known, signal) {
        const before = await file.read(signal);
        const pieces = tokenRules(wanted, balancer).map((rule) => piece(rule.name, line(rule)));
        await change(before, difference(before, wanted.owner, pieces, lineOf), signal);
        return null;
      },

      async state(wanted, _receipt, signal) {
        const listed = new Set(namesIn(await file.read(signal)));
        const now = world.clock.monotonicMs();
        const rules = tokenRules(wanted, balancer).map((rule, index) => ({ rule, host: wanted.rules[index]?.host }));
        const lost = rules.find(({ rule }) => !listed.has(rule.name));
        if (lost) return { ready: false, reason: `${options.file} has lost its line ${lost.rule.name}` };
        const open = rules.filter(({ rule }) => !believed.has(rule.name));
        const reasons = await Promise.all(
          open.slice(0, looksAtOnce).map(async ({ rule: { name, ...rule }, host = at.host }) => {
            const reason = await wrongAnswer(rule, host, signal);
            if (reason !== undefined) rightSince.delete(name);
            else if (!rightSince.has(name)) rightSince.set(name, now);
            if (now - (rightSince.get(name) ?? now) >= steadyMs) believed.add(name);
            return reason;
          }),
        );
        if (open.every(({ rule }) => believed.has(rule.name))) return { ready: true };
        const reason = reasons.find((one) => one !== undefined) ?? 'workers from before the reload may still answer';
        return { ready: false, reason, retryAfterMs: 100 };
      },

      owned: async (signal) => ownedIn(await file.read(signal)),

      async removeOwned({ name }, signal) {
        const before = await file.read(signal);
        await change(before, { gone: before.filter((one) => one.name === name && markIn(name)) }, signal);
      },
    };
  },
});

/** Returns the line as nginx reads it, unless it is commented out. */
const lineOf = (one: Piece): string | undefined => lineForm.exec(one.line ?? '')?.[1];

const rulesOf = (text: MarkedText): readonly TokenRule[] =>
  text.flatMap(({ name, line }) => {
    const [, , path, answer] = lineForm.exec(line ?? '') ?? [];
    return name === undefined || path === undefined || answer === undefined ? [] : [{ name, path, answer }];
  });

/**
 * Returns the lines that should have an effect, each once, and the others as comments. Two orders of one account may
 * have the same token, and nginx refuses a second location for it.
 */
function inEffect(text: MarkedText, gone: MarkedText = []): MarkedText {
  const seen = new Set<string>();
  return text.map((one) => {
    const bare = lineOf(one);
    if (one.name === undefined || bare === undefined) return one;
    const line = gone.includes(one) || seen.has(bare) ? `# ${bare}` : bare;
    if (line === bare) seen.add(bare);
    return line === one.line ? one : piece(one.name, line);
  });
}

/** A command that an abort or a timeout interrupted, so that its effect is unknown. */
class Interrupted extends Error {
  readonly command: readonly string[];
  constructor(command: readonly string[], cause: unknown) {
    super('interrupted', { cause });
    this.command = command;
  }
}
