import { appendFileSync } from 'node:fs';
import { basename, relative } from 'node:path';
import type { Files, FilesWithin } from '../../src/ports/files.ts';
import type { Http, HttpRequest } from '../../src/ports/http.ts';
import type { World } from '../../src/ports/world.ts';
import { tracePostgres } from './trace-postgres.ts';

/**
 * Names every effect of a run `step/effect/target#occurrence`, and lets a test stop the process right before or after
 * any of them. It wraps the World, through which all effects go; long/strace.test.ts compares it with the system calls
 * of the same run, so that no effect is missed.
 */
export interface Trace {
  readonly world: World;
  /** The engine's step, from its events. */
  step(name: string): void;
}

export interface TraceOptions {
  /** `step/effect/target#n` and `before`, `after` or (of a statement) `sent`, joined with `@`; undefined: only record. */
  readonly stopAt: string | undefined;
  readonly how: 'SIGKILL' | 'SIGSTOP' | 'SIGINT' | 'SIGTERM';
  /** A second point of the same form, where a process that was stopped and continued is killed. */
  readonly killAt?: string | undefined;
  /** Kinds of effects to ignore, to test that a missing wrapper is noticed. */
  readonly untraced?: readonly string[] | undefined;
  /** One line for each effect is appended here: `time before|after name`. */
  readonly record: string | undefined;
  /** Folders whose paths become short names. */
  readonly folders: Readonly<Record<string, string>>;
}

export function traceWorld(real: World, options: TraceOptions): Trace {
  let step = 'start';
  const seen = new Map<string, number>();

  const mark = (when: 'before' | 'sent' | 'after', name: string) => {
    if (options.record !== undefined) appendFileSync(options.record, `${when} ${name}\n`);
    if (options.stopAt === `${name}@${when}`) process.kill(process.pid, options.how);
    if (options.killAt === `${name}@${when}`) process.kill(process.pid, 'SIGKILL');
  };
  async function effect<T>(kind: string, target: string, run: (sent: () => void) => Promise<T>): Promise<T> {
    if (options.untraced?.includes(kind)) return run(() => undefined);
    const plain = `${step}/${kind}/${target}`;
    const occurrence = (seen.get(plain) ?? 0) + 1;
    seen.set(plain, occurrence);
    const name = `${plain}#${occurrence}`;
    mark('before', name);
    try {
      return await run(() => mark('sent', name));
    } finally {
      mark('after', name);
    }
  }

  tracePostgres((kind, target, run) => effect(kind, nameOf(`/${target}`, { store: '/store' }), run));
  const name = (path: string) => nameOf(path, options.folders);
  const { files, processes, dns, streams, vantage } = real;
  /** What both interfaces have. */
  type Common = Pick<Files & FilesWithin, 'replace' | 'makeFolders' | 'remove' | 'removeFolderIfEmpty'>;
  const traced = (files: Common): Common => ({
    replace: (path, content, attributes) =>
      effect('replace', name(path), () => files.replace(path, content, attributes)),
    makeFolders: (path, mode) => effect('mkdir', name(path), () => files.makeFolders(path, mode)),
    remove: (path) => effect('remove', name(path), () => files.remove(path)),
    removeFolderIfEmpty: (path) => effect('rmdir', name(path), () => files.removeFolderIfEmpty(path)),
  });
  const tracedWithin = (files: FilesWithin): FilesWithin => ({
    ...files,
    ...traced(files),
    append: (path, lines) => effect('append', name(path), () => files.append(path, lines)),
    replaceLink: (path, target) => effect('rename', name(path), () => files.replaceLink(path, target)),
    createFolder: (path, mode, entries) => effect('create', name(path), () => files.createFolder(path, mode, entries)),
    removeFolder: (path, isOurs) => effect('remove-folder', name(path), () => files.removeFolder(path, isOurs)),
  });
  const tracedFiles: Files = {
    ...files,
    ...traced(files),
    within: (folder, guard, work) => files.within(folder, guard, (inside) => work(tracedWithin(inside))),
    // A put of the file store is one draft and one link; the link makes it visible.
    draft: (folder, content, attributes, spare) =>
      effect('draft', name(folder), () => files.draft(folder, content, attributes, spare)),
    link: (existing, path) => effect('put', name(path), () => files.link(existing, path)),
  };
  const world: World = {
    ...real,
    files: tracedFiles,
    processes: {
      ...processes,
      run: (request) => effect('start', basename(request.command[0]), () => processes.run(request)),
    },
    dns: {
      ...dns,
      query: (server, question, signal) => effect('ask', question.type, () => dns.query(server, question, signal)),
      exchange: (server, message, o) => effect('update', o.transport, () => dns.exchange(server, message, o)),
    },
    streams: {
      ...streams,
      converse: (socket, text, o) => effect('converse', o.effect, () => streams.converse(socket, text, o)),
    },
    vantage: {
      ...vantage,
      get: (url, at, signal) => effect('get', 'public-path', () => vantage.get(url, at, signal)),
      handshake: (endpoint, signal) =>
        effect('handshake', String(endpoint.port), () => vantage.handshake(endpoint, signal)),
    },
    http(o) {
      const http = real.http(o);
      const traced: Http = {
        request: (request) => effect('request', `${request.method} ${whatOf(request)}`, () => http.request(request)),
        close: () => http.close(),
      };
      return traced;
    },
  };
  return {
    world,
    step(to) {
      step = to;
    },
  };
}

/**
 * URLs of orders and authorizations contain random ids, so use only the first segment of the path. A call of Alibaba's
 * or Tencent's API has its name in a header, and one of Huawei's in its path, behind the service.
 */
function whatOf({ url, headers }: HttpRequest): string {
  const { pathname } = new URL(url);
  const [, named = pathname.split('/')[1]] = /\/((?:elb|cdn)\/\w+)/.exec(pathname) ?? [];
  return headers?.['x-acs-action'] ?? headers?.['x-tc-action'] ?? named ?? '';
}

/** A path without the parts that differ from run to run: temporary roots, hashes, revisions, ids and tokens. */
export function nameOf(path: string, folders: Readonly<Record<string, string>>): string {
  for (const [short, folder] of Object.entries(folders)) {
    if (!`${path}/`.startsWith(`${folder}/`)) continue;
    return `${short}/${relative(folder, path)}`
      .replace(/\/$/, '')
      .replace(/\.certfleet-[^/]*\.tmp/, 'TMP')
      .replace(/@[0-9a-z]+$/i, '')
      .replace(/=[0-9a-f]{64}/, '=HASH')
      .replace(/\/[0-9a-f]{2}(\/|$)/, '$1')
      .replace(/\d{8}-\d{6}-[0-9a-f]{6}/g, 'ID')
      .replace(/acme-challenge\/[A-Za-z0-9_-]{20,}/, 'acme-challenge/TOKEN')
      .replace(/token\/[A-Za-z0-9_-]{20,}/, 'token/TOKEN')
      .replace(/store\/session\/(?!TMP)[^/]+/, 'store/session/ID');
  }
  return basename(path);
}
