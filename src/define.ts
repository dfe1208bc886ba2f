import { z } from 'zod';
import type { Secret as SecretType } from './core/secret.ts';
import { Secret } from './core/secret.ts';
import type { Deployer } from './ports/deployer.ts';
import type { DnsProvider, DnsProviderTraits } from './ports/dns-provider.ts';
import type { Solver } from './ports/solver.ts';
import type { Store } from './ports/store.ts';
import type { World } from './ports/world.ts';

export { Secret, z };

/**
 * A secret option. In the configuration it is `file:/path` (0600), `env:NAME` or the value itself; where it is left
 * out, the environment variable `CERTFLEET_<ADAPTER>_<OPTION>` is read. The adapter is given a {@link Secret}.
 */
export const secret = (title: string) =>
  z
    .custom<SecretType>((value) => value instanceof Secret, { error: 'a secret is needed' })
    .meta({ title, secret: true });

const durationUnits = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

const unitNeeded = (count: number) => `needs a unit: write ${count}s, or another of ms, s, m, h and d`;

/** A duration as text (`500ms`, `8s`, `2m`, `6h`, `30d`); the adapter is given milliseconds. */
export const duration = (title: string) =>
  z
    .string({ error: ({ input }) => (Number.isInteger(input) ? unitNeeded(input as number) : undefined) })
    .regex(/^\d+(ms|s|m|h|d)$/, { error: 'a duration is a whole number and ms, s, m, h or d, for instance 30s' })
    .transform((text) => {
      const unit = text.replace(/^\d+/, '') as keyof typeof durationUnits;
      return Number.parseInt(text, 10) * durationUnits[unit];
    })
    .meta({ title, format: 'duration' });

/** A path of the configuration: whole, since a relative one means another place in every working directory. */
export const wholePath = () => z.string().startsWith('/', { error: 'write the whole path, from / on' });

/** What every adapter is given. */
export interface AdapterContext<Options> {
  readonly options: Options;
  /** The configured name, for messages: `edge`, `dns`. */
  readonly name: string;
  readonly world: World;
}

/** A deployer may keep files of its own beside the documents. */
export interface DeployerContext<Options> extends AdapterContext<Options> {
  /** Where: in the store's folder, so that deployers of two stores never share files; undefined where it has none. */
  readonly folder?: string | undefined;
}

/** A solver may also keep tokens where other replicas see them. */
export interface SolverContext<Options> extends AdapterContext<Options> {
  readonly store: Store;
  /** Random, made with the store: what `_health` answers. */
  readonly storeId: string;
}

interface AdapterDefinition<Shape extends z.ZodObject> {
  /** The type in the configuration, and the file's name. */
  readonly id: string;
  /** For people: `RFC 2136 (dynamic update)`. */
  readonly title: string;
  readonly homepage?: string;
  /** The vendor's API documentation. */
  readonly apiDocs?: string;
  /** The certfleet version that first had it. */
  readonly since: string;
  /** Each option with `.meta({ title, examples })` or `.describe()`: validation, JSON schema, reference and environment names come from it. */
  readonly options: Shape;
  /** A paragraph for the reference: permissions needed, traps. Markdown. */
  readonly notes?: string;
}

export interface DnsProviderDefinition<Shape extends z.ZodObject = z.ZodObject> extends AdapterDefinition<Shape> {
  readonly traits: DnsProviderTraits;
  connect(context: AdapterContext<z.infer<Shape>>): DnsProvider;
}

export interface SolverDefinition<Shape extends z.ZodObject = z.ZodObject> extends AdapterDefinition<Shape> {
  connect(context: SolverContext<z.infer<Shape>>): Solver;
}

export interface DeployerDefinition<Shape extends z.ZodObject = z.ZodObject> extends AdapterDefinition<Shape> {
  connect(context: DeployerContext<z.infer<Shape>>): Deployer;
}

export interface StoreDefinition<Shape extends z.ZodObject = z.ZodObject> extends AdapterDefinition<Shape> {
  connect(context: AdapterContext<z.infer<Shape>>): Store;
}

export const defineDnsProvider = <Shape extends z.ZodObject>(definition: DnsProviderDefinition<Shape>) => definition;
export const defineSolver = <Shape extends z.ZodObject>(definition: SolverDefinition<Shape>) => definition;
export const defineDeployer = <Shape extends z.ZodObject>(definition: DeployerDefinition<Shape>) => definition;
export const defineStore = <Shape extends z.ZodObject>(definition: StoreDefinition<Shape>) => definition;
