import { randomUUID } from 'node:crypto';
import { connect, createServer, type Socket } from 'node:net';
import { Client } from 'pg';
import { Secret } from '../../src/core/errors/secret.ts';
import type { Key, Store } from '../../src/ports/store.ts';
import type { World } from '../../src/ports/world.ts';
import postgresStore from '../../src/stores/postgres.ts';
import type { StoreMedium } from '../../src/testing/store-medium.ts';
import type { Postgres } from './postgres.ts';
import { atEnd } from './service.ts';
import { storeWorld } from './store-world.ts';

let made = 0;

/** The name of a schema that no other test has. */
export const newSchema = (): string => `store_${++made}`;

type Options = Partial<Parameters<typeof postgresStore.connect>[0]['options']>;

/** Opens a store, which is closed at the end. */
export function openPostgres(
  url: string | undefined,
  schema: string,
  { world, ...options }: Options & { readonly world?: Partial<World> } = {},
): Store {
  const store = postgresStore.connect({
    options: { ...(url ? { url: new Secret(url) } : {}), schema, tls: 'off', plaintext: true, ...options },
    name: 'store',
    world: storeWorld(world),
  });
  atEnd(() => store.close?.());
  return store;
}

/** A way to a server that can lose answers. */
export interface LossyWay {
  readonly port: number;
  /** The next answer to a statement with this text does not arrive, and the connection ends. */
  loseNextAnswer(to: string, meanwhile?: () => Promise<void>): void;
  /** Leads elsewhere from now on, and ends all connections. */
  leadTo(target: number): void;
}

export async function startLossyWay(first: number): Promise<LossyWay> {
  let target = first;
  let losing: { readonly to: string; readonly meanwhile: (() => Promise<void>) | undefined } | undefined;
  const open = new Set<Socket>();
  const server = createServer((client) => {
    const upstream = connect({ host: '127.0.0.1', port: target });
    let lost: typeof losing;
    for (const [from, to] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      open.add(from);
      from.on('error', () => to.destroy());
      from.on('close', () => {
        open.delete(from);
        to.destroy();
      });
    }
    client.on('data', (bytes) => {
      if (losing && bytes.includes(losing.to)) {
        lost = losing;
        losing = undefined;
      }
      upstream.write(bytes);
    });
    upstream.on('data', (bytes) => {
      if (!lost) return client.write(bytes);
      upstream.pause();
      void (lost.meanwhile?.() ?? Promise.resolve()).finally(() => client.destroy());
      return undefined;
    });
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const endAll = () => {
    for (const socket of open) socket.destroy();
  };
  atEnd(() => {
    endAll();
    server.close();
  });
  return {
    port: (server.address() as { port: number }).port,
    loseNextAnswer(to, meanwhile) {
      losing = { to, meanwhile };
    },
    leadTo(next) {
      target = next;
      endAll();
    },
  };
}

/**
 * Stores of a server, as the contract suite needs them: each behind a way of its own, which may lose answers.
 *
 * @param address the address that they use, if not the server's own
 */
export function createPostgresBench(server: () => Postgres, address = () => server().url()) {
  const ways = new WeakMap<Store, { readonly schema: string; readonly way: LossyWay }>();
  async function open(schema: string): Promise<Store> {
    const url = new URL(address());
    const way = await startLossyWay(Number(url.port));
    url.port = String(way.port);
    const store = openPostgres(url.href, schema);
    ways.set(store, { schema, way });
    return store;
  }
  const medium: StoreMedium = {
    async begin(store, { kind, name }: Key, bytes) {
      const client = new Client(server().url());
      await client.connect();
      await client.query('begin');
      await client.query(
        `insert into ${ways.get(store)!.schema}.document (kind, name, revision, bytes) values ($1, $2, $3, $4)`,
        [kind, Buffer.from(name), randomUUID(), Buffer.from(bytes)],
      );
      return async () => {
        await client.query('commit');
        await client.end();
      };
    },
    loseNextAnswer: (store, meanwhile) => ways.get(store)!.way.loseNextAnswer('with made as', meanwhile),
  };
  const makeStore = async () => {
    const schema = newSchema();
    return { store: await open(schema), again: () => open(schema) };
  };
  return { makeStore, medium };
}
