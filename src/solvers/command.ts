import { createHash } from 'node:crypto';
import { refuseUntrustedPrograms } from '../clients/hook-programs.ts';
import { createTurns } from '../core/async/turns.ts';
import { fail, isFailure, reasonOf } from '../core/errors/errors.ts';
import { remoteLines } from '../core/errors/remote-text.ts';
import { baseName } from '../core/names/identifier.ts';
import { shortCommand } from '../core/spec/hooks.ts';
import { isToken, toBase64url } from '../core/text/encoding.ts';
import type { Json } from '../core/text/json.ts';
import { present } from '../core/text/present.ts';
import { defineSolver, duration, passEnvironment, z } from '../define.ts';
import { hookEnvironment } from '../lib/processes/hook-environment.ts';
import type { ProcessIdentity } from '../ports/processes.ts';
import type { Solver, SolverChallenge } from '../ports/solver.ts';

const hook = (title: string) =>
  z.union([z.string().min(1), z.array(z.string()).min(1)]).meta({
    title,
    description: 'A string is run by `/bin/sh -c`; a list is a program and its arguments.',
    examples: ['/etc/certfleet/add-txt.sh', ['/usr/local/bin/dns-hook', '--add']],
  });

// The limits for what a hook may print for its clean-up: a record ID, some JSON. All receipts of a certificate, with at
// most 100 identifiers, are in one document of 256 KiB and may take an eighth of it.
const maxOutputBytes = 4_096;
const maxOutputBytesOfAll = 32_768;
// Enough for an error message of curl or nsupdate, and not more than a screenful.
const maxErrorLines = 5;
const maxErrorCharacters = 600;
// Journalled hooks that wait are sleeping shells of 1 MB each, and an order may have 100.
const mostStarted = 32;

/** Answers challenges by running the user's programs, in the environment that certbot gives its hooks. */
export default defineSolver({
  id: 'command',
  title: 'Command (certbot hooks)',
  homepage: 'https://eff-certbot.readthedocs.io/en/stable/using.html#pre-and-post-validation-hooks',
  since: '0.1.0',
  answers: ['dns-01', 'http-01'],
  notes: [
    'Runs `present` for each challenge and `cleanup` afterwards, with certbot’s variables: `CERTBOT_DOMAIN` (without',
    '`*.`), `CERTBOT_VALIDATION`, `CERTBOT_TOKEN` (HTTP-01), `CERTBOT_ALL_DOMAINS`, `CERTBOT_REMAINING_CHALLENGES`, and',
    'for `cleanup` `CERTBOT_AUTH_OUTPUT`, what `present` printed (at most 4 KiB). certfleet adds',
    '`CERTFLEET_CERTIFICATE`, `CERTFLEET_IDENTIFIER` (as ordered), `CERTFLEET_CHALLENGE`, and for DNS-01',
    '`CERTFLEET_RECORD`, the name of the TXT record. Of certfleet’s own environment, hooks get the [listed',
    'variables](../guides/deliver.md#the-environment-of-a-hook) and those of `passEnvironment`.',
    '',
    'After a crash, a hook may run again for the same challenge, and `cleanup` may run with nothing to remove: both must',
    'then exit with 0. `maxConcurrent` applies to each certfleet process.',
  ].join('\n'),
  options: z.object({
    present: hook('Makes the challenge answerable').meta({ local: true }),
    cleanup: hook('Removes it again').meta({ local: true }).optional(),
    challenge: z.enum(['http-01', 'dns-01']).default('dns-01').meta({ title: 'The challenge that the hooks answer' }),
    env: z
      .record(z.string(), z.string())
      .optional()
      .meta({ title: 'More environment variables for the hooks', local: true }),
    passEnvironment: passEnvironment(),
    timeout: duration('How long a hook may run').prefault('5m'),
    maxConcurrent: z.int().min(1).default(1).meta({ title: 'How many hooks may run at once' }),
  }),

  connect({ options, world }): Solver {
    const turns = createTurns(options.maxConcurrent);
    const started = createTurns(mostStarted);

    const run = async (
      command: string | readonly string[],
      challenge: SolverChallenge,
      more: Readonly<Record<string, string>>,
      signal: AbortSignal,
      onStart?: (who: ProcessIdentity) => Promise<void>,
    ): Promise<string> => {
      const env = { ...hookEnvironment(options.passEnvironment), ...options.env };
      await refuseUntrustedPrograms(world.files, command, env['HOME']);
      const result = await world.processes
        .run({
          command: typeof command === 'string' ? ['/bin/sh', '-c', command] : (command as [string, ...string[]]),
          env: { ...env, ...variables(challenge), ...more },
          timeoutMs: options.timeout,
          signal,
          ...present({ onStart }),
        })
        .catch((error: unknown) => {
          throw withoutArguments(error, command, options.timeout);
        });
      if (result.status === 0) return result.stdout;
      throw fail('solver/hook-failed', {
        command: shortCommand(command),
        status: typeof result.status === 'number' ? `exit code ${result.status}` : result.status,
        output: lastWords(result.stderr.trim() || result.stdout.trim(), challenge.keyAuthorization),
      });
    };

    return {
      type: 'command',
      answers: [options.challenge],

      // All hooks of an order are journalled before they wait for their turn, so that one write can cover many.
      async present(challenge, note, signal) {
        if (!isToken(challenge.token)) {
          throw fail('bug/unexpected', { reason: 'a token that is not base64url reached a solver' });
        }
        return started.run(async () => {
          let end: (() => void) | undefined;
          try {
            const output = await run(options.present, challenge, {}, signal, async (who) => {
              await note({ process: { ...who } });
              end = await turns.take(signal);
            });
            return { output: cut(output.trim(), challenge.allIdentifiers.length, world.log) };
          } finally {
            end?.();
          }
        }, signal);
      },

      // The engine itself checks the hook's result at the name servers or over the public path.
      async ready(_challenge, _receipt, signal) {
        signal.throwIfAborted();
        return { ready: true };
      },

      async cleanup(challenge, receipt, signal) {
        await turns.run(async () => {
          // A `present` that outlived its certfleet must not add anything after this clean-up. (A `cleanup` is not
          // journalled, so two may run at once, which hooks must support anyway.)
          const orphan = processIn(receipt);
          if (orphan && world.processes.look(orphan) === 'alive') {
            world.log.info(
              `ending the hook ${shortCommand(options.present)} (pid ${orphan.pid}) of an interrupted order`,
            );
            await world.processes.end(orphan, signal);
          }
          if (options.cleanup === undefined || !isToken(challenge.token)) return;
          await run(options.cleanup, challenge, { CERTBOT_AUTH_OUTPUT: outputIn(receipt) }, signal);
        }, signal);
      },
    };

    /** Returns the variables of certbot's `manual` plugin, and certfleet's own. */
    function variables(challenge: SolverChallenge): Record<string, string> {
      const { identifier, token, keyAuthorization, allIdentifiers, remaining, lineage, type } = challenge;
      const isDns = type === 'dns-01';
      return {
        CERTBOT_DOMAIN: baseName(identifier),
        CERTBOT_VALIDATION: isDns ? dns01Value(keyAuthorization) : keyAuthorization,
        ...present({ CERTBOT_TOKEN: isDns ? undefined : token }),
        // Without `*.`, and perhaps with repeated names, as in certbot.
        CERTBOT_ALL_DOMAINS: allIdentifiers.map(baseName).join(','),
        CERTBOT_REMAINING_CHALLENGES: String(remaining),
        CERTFLEET_CERTIFICATE: lineage,
        CERTFLEET_IDENTIFIER: identifier.value,
        CERTFLEET_CHALLENGE: type,
        ...present({ CERTFLEET_RECORD: isDns ? `_acme-challenge.${baseName(identifier)}` : undefined }),
      };
    }
  },
});

/** Returns the value of the TXT record (RFC 8555 §8.4). */
const dns01Value = (keyAuthorization: string): string =>
  toBase64url(createHash('sha256').update(keyAuthorization).digest());

/** Replaces errors of the port, which quote the whole command line and keep it in their causes. */
function withoutArguments(error: unknown, command: string | readonly string[], timeoutMs: number): unknown {
  if (isFailure(error, 'process/timeout')) {
    return fail('process/timeout', { command: shortCommand(command), seconds: Math.round(timeoutMs / 1_000) });
  }
  if (isFailure(error, 'process/failed')) {
    return fail('process/failed', { command: shortCommand(command), reason: reasonOf(error.cause) });
  }
  return error;
}

function lastWords(output: string, keyAuthorization: string): string {
  const lines = output.replaceAll(keyAuthorization, '***').split('\n').slice(-maxErrorLines);
  return remoteLines(lines.join('\n').slice(-maxErrorCharacters)) || 'it printed nothing';
}

function cut(output: string, identifiers: number, log: { warn(message: string): void }): string {
  const limit = Math.min(maxOutputBytes, Math.floor(maxOutputBytesOfAll / Math.max(1, identifiers)));
  const bytes = new TextEncoder().encode(output);
  if (bytes.length <= limit) return output;
  log.warn(`the hook printed ${bytes.length} bytes; CERTBOT_AUTH_OUTPUT keeps the first ${limit}`);
  // `stream` omits a character that was cut.
  return new TextDecoder().decode(bytes.subarray(0, limit), { stream: true });
}

const outputIn = (receipt: Json | undefined): string => {
  const output = (receipt as { output?: unknown } | null | undefined)?.output;
  return typeof output === 'string' ? output : '';
};

function processIn(receipt: Json | undefined): ProcessIdentity | undefined {
  const who = (receipt as { process?: Partial<Record<keyof ProcessIdentity, unknown>> } | null | undefined)?.process;
  if (typeof who?.pid !== 'number' || typeof who.startTime !== 'string') return undefined;
  if (typeof who.bootId !== 'string' || typeof who.pidNamespace !== 'string') return undefined;
  return { bootId: who.bootId, pidNamespace: who.pidNamespace, pid: who.pid, startTime: who.startTime };
}
