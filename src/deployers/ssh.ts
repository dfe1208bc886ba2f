import { join } from 'node:path';
import { createLiveDeployer, type Reload, type Versions } from '../clients/folders/live-deployer.ts';
import { needsEach } from '../clients/folders/needs-each.ts';
import { lastWords, targetName } from '../clients/folders/target.ts';
import {
  createSshNodes,
  isNode,
  type NodeResult,
  type OnNode,
  parseNode,
  type SshNode,
  secondsOf,
} from '../clients/ssh/nodes.ts';
import type { SshResult } from '../clients/ssh/ssh.ts';
import { fail, isFailure, reasonOf } from '../core/errors/errors.ts';
import { identifierKey } from '../core/names/identifier.ts';
import { present } from '../core/text/present.ts';
import { shellWord } from '../core/text/shell-word.ts';
import { defineDeployer, duration, keyFiles, once, ownership, secret, wholePath, z } from '../define.ts';
import type { Deployer, Look, VersionBundle, VersionRef } from '../ports/deployer.ts';

/**
 * A node that hangs must leave the others most of `deployDeadline` (5 min), because no command runs before all nodes
 * have the files.
 */
const filesMs = 30_000;
/** The time for restoring the previous files after an abort, and for running the command with them. */
const backMs = 30_000;
/** More time for each further certificate that shares the command: its link is switched, and its mark written. */
const eachMs = 1_000;

export default defineDeployer({
  id: 'ssh',
  title: 'Several nodes over SSH',
  homepage: 'https://www.openssh.com',
  since: '0.1.0',
  options: z.strictObject({
    nodes: z
      .array(
        z.string().refine(isNode, {
          error: 'expected a node as host, user@host or user@host:port, with an IPv6 address in brackets',
        }),
      )
      .min(1)
      .refine((nodes) => new Set(nodes).size === nodes.length, { error: 'a node is named twice' })
      .meta({ title: 'The nodes', examples: [['10.0.0.1', 'deploy@node2.example.com:2222']] }),
    user: z.string().min(1).default('root').meta({ title: 'User to log in as, where the node names none' }),
    privateKey: secret('Private key to log in with, usually `file:/path`').optional(),
    passphrase: secret('Passphrase of the private key, if it is encrypted').optional(),
    password: secret('Password to log in with, if there is no key').optional(),
    knownHosts: wholePath()
      .optional()
      .meta({
        title: 'File with the nodes’ host keys; by default ~/.ssh/known_hosts and /etc/ssh/ssh_known_hosts',
        examples: ['/etc/certfleet/known_hosts'],
      }),
    hostKeys: z
      .array(
        z.string().regex(/^SHA256:[A-Za-z0-9+/]{43}$/, {
          error: 'write fingerprints as `ssh-keygen -lf` prints them: SHA256:…',
        }),
      )
      .min(1)
      .optional()
      .meta({
        title: 'Fingerprints of the nodes’ host keys, instead of `knownHosts`',
        examples: [['SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU']],
      }),
    path: wholePath().meta({
      title: 'Root folder on each node; `live/` and `archive/` are created in it',
      examples: ['/etc/certs'],
    }),
    ...ownership(' of the node'),
    ...keyFiles(),
    command: z
      .union([z.string().min(1), z.tuple([z.string().min(1)], z.string())])
      .optional()
      .meta({
        local: true,
        title: 'Shell command, or program and arguments, to run on each node once the files are there',
        examples: ['nginx -t && nginx -s reload'],
      }),
    // As for the command deployer.
    timeout: duration('How long the command may take on one node').prefault('2m'),
    once: once(),
    concurrency: z.number().int().min(1).default(16).meta({ title: 'How many nodes at once' }),
  }),
  notes: `The certificate reaches each node as the \`files\` deployer writes it: \`<path>/live/<name>/fullchain.pem\` and
\`privkey.pem\`, over SFTP, swapped in one step so that key and chain always match. Then \`command\` runs, in the user's
login shell, with certbot's \`RENEWED_LINEAGE\` and \`RENEWED_DOMAINS\` in its environment. If it fails, that node goes
back to the previous files, and the command runs again with them. The command must be repeatable. If several certificates
of a pass have this target, a command that is the same for all of them, such as \`nginx -s reload\`, runs once on each node
for all of them, without these two variables. A command that mentions \`RENEWED_LINEAGE\` or \`RENEWED_DOMAINS\`, or names
a program outside of \`/bin\`, \`/sbin\`, \`/usr/bin\` and \`/usr/sbin\` by its path, runs for each certificate. \`once\`
decides otherwise.

All nodes are worked on side by side, and each has its own state. If one is down, the others get the certificate; the
error names those that lack it, and \`certfleet renew\` tries only these again. A node that has the version is left alone
unless every node has it (\`renew --redeploy\`).

Needed on each node: OpenSSH's server with SFTP, the public key in the user's \`authorized_keys\`, and for that user the
right to write \`path\`, which must belong to root or to that user. \`owner\` and \`group\` need root. Nothing is sent to a
node whose host key is not known: \`ssh-keyscan\` adds it to \`knownHosts\`, after you have compared it with
\`ssh-keygen -lf\` on the node. Hashed names, \`[host]:port\` and \`@revoked\` are understood; \`@cert-authority\` is not.
The private key of the certificate is never part of a command line.`,
  connect({ options, name, world }): Deployer {
    const target = targetName('ssh', name);
    if (!options.privateKey && !options.password)
      throw fail('config/credential-missing', { what: target, credential: 'a "privateKey" or a "password"' });
    const nodes = options.nodes.map((text) => parseNode(text, options.user));
    const { each } = createSshNodes(options, world);
    const isForAll = options.command !== undefined && (options.once ?? !needsEach(options.command));
    const onlyFiles = { timeoutMs: Math.min(filesMs, options.timeout), graceMs: 0 };
    const withCommand = (versions: readonly VersionRef[]) => {
      return { timeoutMs: options.timeout + (versions.length - 1) * eachMs, graceMs: backMs };
    };

    /** Creates a deployer for one node, on one connection. */
    function deployerOn({ node, connection, files, calm }: OnNode): Deployer {
      const { command } = options;
      const run = async (versions: Versions, signal: AbortSignal): Promise<SshResult> => {
        try {
          return await connection.run(commandLine(command ?? '', options.path, versions), signal);
        } catch (error) {
          if (!signal.aborted || signal.reason?.name !== 'TimeoutError') throw error;
          throw new Error(`the command took longer than ${secondsOf(options.timeout)} and was ended`, { cause: error });
        }
      };
      const reload: Reload = {
        missing: 'the command has not succeeded with it yet',
        forAll: isForAll,
        async run(versions, signal) {
          const result = await run(versions, signal);
          if (result.status !== 0)
            throw new Error(`the command ended with ${result.status}: ${lastWords(result, versions[0].keyPem)}`);
        },
        async back(versions) {
          const { status } = await run(versions, calm);
          // The output may contain the previous key, which is unknown here.
          if (status !== 0) throw new Error(`it ended with ${status}`);
        },
      };
      return createLiveDeployer({
        type: 'ssh',
        name,
        target: `${node.text} of ${target}`,
        files,
        root: options.path,
        keyMode: Number.parseInt(options.mode, 8),
        haproxyBundle: options.haproxyBundle,
        ...present({
          owner: options.owner === undefined ? undefined : `${options.owner}`,
          group: options.group === undefined ? undefined : `${options.group}`,
          reload: command === undefined ? undefined : reload,
        }),
      });
    }

    /** Throws if a node failed: the error of the only node, or else one that names all failed nodes. */
    function throwIfMissing(version: VersionRef, results: readonly NodeResult<unknown>[], before: Failures = {}) {
      const errors = new Map(Object.entries(before));
      for (const { node, error } of results) if (error !== undefined) errors.set(node.text, wordsOf(error));
      if (errors.size === 0) return;
      const only = results[0]?.error;
      if (nodes.length === 1 && isFailure(only, 'deploy/')) throw only;
      const reason = [...grouped(errors)].map(([reason, names]) => `${names.join(', ')} (${reason})`).join('; ');
      const [missing, total] = [errors.size, nodes.length];
      throw fail('deploy/nodes-missing', { target, certificate: version.lineage, missing, total, reason });
    }

    /** Where to activate each staged version, and why some nodes could not accept it. */
    const staged = new Map<string, Staged>();
    const keyOf = ({ lineage, id }: VersionRef): string => `${lineage}/${id}`;

    async function stageAll(version: VersionBundle, signal: AbortSignal): Promise<Staged> {
      const results = await each(nodes, onlyFiles, signal, async (on, signal) => {
        const deployer = deployerOn(on);
        const { state } = await deployer.look(version, signal);
        if (state !== 'current') await deployer.stage(version, async () => {}, signal);
        return state;
      });
      if (results.every(({ error }) => error !== undefined)) throwIfMissing(version, results);
      const lost = results.filter(({ error }) => error !== undefined);
      const failed = Object.fromEntries(lost.map(({ node, error }) => [node.text, wordsOf(error)]));
      const lacking = results.filter(({ value }) => value !== undefined && value !== 'current');
      // If every node has the version, either a person asked for this, or clients do not see it, so the command runs
      // again everywhere.
      const all = lacking.length === 0 && lost.length === 0;
      return { to: (all ? results : lacking).map(({ node }) => node), failed };
    }

    /** Runs the command once on each node. What a node refuses stays in `staged`, for `activate`. */
    async function activateTogether(versions: readonly VersionBundle[], signal: AbortSignal) {
      const known = versions.filter((version) => staged.has(keyOf(version)));
      const stagedFor = (version: VersionRef): Staged => staged.get(keyOf(version)) ?? { to: [], failed: {} };
      const lackedBy = (node: SshNode) => known.filter((version) => stagedFor(version).to.includes(node));
      const to = nodes.filter((node) => lackedBy(node).length > 0);
      const results = await each(to, withCommand(known), signal, async (on, signal) => {
        await deployerOn(on).activateTogether?.(lackedBy(on.node), signal);
      });
      const refused = results.filter(({ error }) => error !== undefined).map(({ node }) => node);
      for (const version of known) {
        const { to, failed } = stagedFor(version);
        staged.set(keyOf(version), { to: to.filter((node) => refused.includes(node)), failed });
      }
      const used = known.filter((version) => {
        const { to, failed } = stagedFor(version);
        return to.length === 0 && Object.keys(failed).length === 0;
      });
      for (const version of used) staged.delete(keyOf(version));
      return used;
    }

    return {
      type: 'ssh',
      scope: 'fleet',
      async look(version, signal): Promise<Look> {
        const results = await each(nodes, onlyFiles, signal, (on, signal) => deployerOn(on).look(version, signal));
        const lacking = results.filter(({ value }) => value?.state !== 'current');
        if (lacking.length === 0) return { state: 'current', detail: nodes.map(({ text }) => text).join(', ') };
        const state = results.every(({ value }) => value?.state === 'absent') ? 'absent' : 'stale';
        const reasons = new Map(lacking.map(({ node, value, error }) => [node.text, value?.detail ?? wordsOf(error)]));
        const detail = [...grouped(reasons)].map(([reason, names]) => `${names.join(', ')}: ${reason}`).join('; ');
        return { state, detail };
      },

      async stage(version, _note, signal) {
        staged.set(keyOf(version), await stageAll(version, signal));
        // Needs no receipt, and therefore no durable write: after a crash, the nodes themselves show what they have.
        return null;
      },

      async activate(version, _staged, note, signal) {
        const { to, failed } = staged.get(keyOf(version)) ?? (await stageAll(version, signal));
        staged.delete(keyOf(version));
        const results = await each(to, withCommand([version]), signal, (on, signal) =>
          deployerOn(on).activate(version, null, note, signal),
        );
        throwIfMissing(version, results, failed);
      },

      ...present({ activateTogether: isForAll ? activateTogether : undefined }),

      async retire(old, _receipt, signal) {
        const results = await each(nodes, onlyFiles, signal, async (on, signal) =>
          deployerOn(on).retire?.(old, undefined, signal),
        );
        throwIfMissing(old, results);
      },
    };
  },
});

interface Staged {
  readonly to: readonly SshNode[];
  readonly failed: Failures;
}

type Failures = Readonly<Record<string, string>>;

/**
 * Returns the command line. env(1) sets the variables, because servers refuse most variables that a client sends, and
 * `exec` leaves no shell behind. Any login shell accepts this.
 */
function commandLine(command: string | readonly string[], path: string, versions: Versions): string {
  const words = typeof command === 'string' ? ['/bin/sh', '-c', command] : command;
  const [{ lineage, facts }, ...others] = versions;
  const ofOne = [
    `RENEWED_LINEAGE=${shellWord(join(path, 'live', lineage))}`,
    `RENEWED_DOMAINS=${shellWord(facts.identifiers.map(identifierKey).join(' '))}`,
  ];
  const variables = others.length === 0 ? ofOne : [];
  return `exec env ${[...variables, ...words.map(shellWord)].join(' ')} </dev/null`;
}

/** Describes what happened on one node. The message around it names the target and the certificate. */
function wordsOf(error: unknown): string {
  if (!isFailure(error, 'deploy/') || error.cause === undefined) return reasonOf(error);
  const { path } = error.cause as { readonly path?: unknown };
  return typeof path === 'string' ? `${reasonOf(error.cause)} (${path})` : reasonOf(error.cause);
}

/** Groups names with the same reason. */
function grouped(reasons: ReadonlyMap<string, string>): ReadonlyMap<string, readonly string[]> {
  const groups = new Map<string, string[]>();
  for (const [name, reason] of reasons) groups.set(reason, [...(groups.get(reason) ?? []), name]);
  return groups;
}
