import { OpenAPIHono, type z } from '@hono/zod-openapi';
import type { Context, MiddlewareHandler } from 'hono';
import { HTTPException } from 'hono/http-exception';
import type { Access } from '../access/access.ts';
import type { Env } from '../access/who.ts';
import { type Action, isInScope, leastRoleFor } from '../core/access/role.ts';
import { asFailure, type CertfleetError, fail, isFailure } from '../core/errors/errors.ts';
import { lineageNotFound } from '../core/names/not-found.ts';
import type { Ahead } from '../core/plan/ahead.ts';
import { type FleetActions, refuseFleet, refuseRole } from '../fleet/web/actions.ts';
import type { FleetChecks } from '../fleet/web/checks.ts';
import type { FleetConnections } from '../fleet/web/connections.ts';
import type { FleetDeclarations } from '../fleet/web/declarations.ts';
import type { FleetKeys } from '../fleet/web/keys.ts';
import type { FleetView } from '../fleet/web/view.ts';
import type { Drawn } from '../fleet.ts';
import type { Clock } from '../ports/clock.ts';
import { problemDocument } from './contract/shared.ts';
import { problemOf } from './problem.ts';

/** What the API shows and does. */
export interface ApiParts {
  readonly view: FleetView;
  readonly actions: FleetActions;
  readonly keys: FleetKeys;
  readonly declarations: FleetDeclarations;
  readonly connections: FleetConnections;
  readonly checks: FleetChecks;
  readonly access: Pick<Access, 'audit' | 'users' | 'tokens'>;
  readonly clock: Clock;
  /** Differs for each process, because each counts changes by itself. */
  readonly life: string;
  /** Draws the path from the CA to a certificate’s answers, which may take seconds. */
  readonly draw: (name: string, signal: AbortSignal) => Promise<Drawn>;
  /** Says what will be ordered until then. */
  readonly plan: (untilMs: number, signal: AbortSignal) => Promise<Ahead>;
  /** Called with an error that is a fault of the program. */
  readonly failed: (error: unknown) => void;
}

export type Api = OpenAPIHono<Env>;

/** Makes an API without routes. All errors are problem documents. */
export function emptyApi({ failed }: Pick<ApiParts, 'failed'>): Api {
  const app: Api = new OpenAPIHono<Env>({
    defaultHook(result, c) {
      if (result.success) return undefined;
      const { issues } = result.error;
      const fields = Object.fromEntries(issues.map(({ path, message }) => [path.map(String).join('.'), message]));
      const problem = issues.map(({ path, message }) => [...path.map(String), message].join(': ')).join('; ');
      return problemOf(c, fail('usage/request', { problem }), { fields });
    },
  });
  app.onError((error, c) => {
    const failure = failureOf(error);
    if (isFailure(failure, 'bug/')) failed(error);
    return problemOf(c, failure);
  });
  return app;
}

function failureOf(error: unknown): CertfleetError {
  // A body that is no JSON.
  if (error instanceof HTTPException && error.status < 500) return fail('usage/request', { problem: error.message });
  return asFailure(error);
}

export const json = <S extends z.ZodType>(schema: S, description: string) => ({
  description,
  content: { 'application/json': { schema } },
});
export const body = <S extends z.ZodType>(schema: S) => ({
  body: { required: true, content: { 'application/json': { schema } } },
});
export const wrong = (description: string) => ({
  description,
  content: { 'application/problem+json': { schema: problemDocument } },
});
/** What every route may answer. */
export const usual = {
  400: wrong('The request is not as it is described here'),
  401: wrong('There is no valid login or token'),
  403: wrong('The role or the scope does not allow it'),
};
export const missing = { 404: wrong('There is none of that name, or the token is not for it') };

/** `certificates`: a token with a scope sees its own. `fleet`: it is refused. */
type Of = 'certificates' | 'fleet';

/** Says in the document which role a route needs, and what it is about, and refuses others before it reads what they sent. */
export function needs(right: Action, of: Of) {
  const check: MiddlewareHandler<Env> = async (c, next) => {
    const who = c.get('who');
    try {
      refuseRole(who, right);
      if (of === 'fleet') refuseFleet(who);
    } catch (error) {
      c.set('isRefused', true);
      throw error;
    }
    await next();
  };
  return { 'x-role': leastRoleFor(right), 'x-about': of, middleware: [check] };
}

/** Whether there is a certificate that a token must not see, it must not learn. */
export function refuseUnseen(c: Context<Env>, name: string): void {
  if (!isInScope(c.get('who'), name)) throw lineageNotFound(name, []);
}

export const askerOf = (c: Context<Env>) => ({ who: c.get('who'), from: c.get('from') });

export const byOf = (c: Context<Env>) => {
  const { name, via } = c.get('who');
  return { name, via, from: c.get('from') };
};

/** The types of the contract are not readonly. */
export const copyOf = <T>(value: T): Mutable<T> => value as Mutable<T>;
type Mutable<T> = T extends readonly (infer I)[]
  ? Mutable<I>[]
  : T extends object
    ? { -readonly [K in keyof T]: Mutable<T[K]> }
    : T;

/** Returns the revision that must be current; null if there must be none, undefined if any will do. */
export function revisionOf(c: Context<Env>): string | null | undefined {
  if (c.req.header('if-none-match')?.trim() === '*') return null;
  const match = c.req.header('if-match')?.trim();
  if (match === undefined || match === '*') return undefined;
  return /^(?:W\/)?"([^"]*)"$/.exec(match)?.[1] ?? match;
}
