import { isScope, scopeRule, type Who } from '../core/access/role.ts';
import { isExpired, type TokenDocument, tokenPrefix } from '../core/access/token.ts';
import { isUserName, userNameRule } from '../core/access/user.ts';
import { fail } from '../core/errors/errors.ts';
import { present } from '../core/text/present.ts';
import type { By } from './audit.ts';
import { type Books, digestOf } from './books.ts';
import type { Recorder } from './record.ts';

export type Token = Omit<TokenDocument, 'schema' | 'kind'>;

/** API tokens. */
export interface Tokens {
  list(signal: AbortSignal): Promise<readonly Token[]>;
  /** Returns the token, which is nowhere else. Fails with `access/token-exists`, `access/scope`. */
  add(token: Pick<Token, 'name' | 'role' | 'scope' | 'expiresAt'>, by: By, signal: AbortSignal): Promise<string>;
  /** Fails with `access/no-token`. */
  remove(name: string, by: By, signal: AbortSignal): Promise<void>;
  find(token: string, signal: AbortSignal): Promise<Who | undefined>;
}

export function createTokens({ access, clock, nowText, secret }: Books, recorder: Recorder): Tokens {
  async function tokens(signal: AbortSignal) {
    const all = [...(await access.all(signal))];
    return all.flatMap(([id, { document, revision }]) =>
      document.kind === 'token' ? [{ id, document, revision }] : [],
    );
  }

  return {
    list: async (signal) =>
      (await tokens(signal))
        .map(({ document: { schema: _format, kind: _kind, ...token } }) => token)
        .sort((one, other) => (one.name < other.name ? -1 : 1)),
    async add({ name, role, scope, expiresAt }, by, signal) {
      const text = `${tokenPrefix}${secret()}`;
      const work = async () => {
        if (!isUserName(name)) throw fail('access/user-name', { name, rule: userNameRule });
        const bad = scope?.find((one) => !isScope(one));
        if (bad !== undefined) throw fail('access/scope', { scope: bad, rule: scopeRule });
        if ((await tokens(signal)).some(({ document }) => document.name === name))
          throw fail('access/token-exists', { name });
        const what = { name, role, createdAt: nowText(), createdBy: by.name, ...present({ scope, expiresAt }) };
        await access.put(digestOf(text), { schema: 1, kind: 'token', ...what }, null, signal);
      };
      const detail = [role, ...(scope ?? [])].join(' ');
      await recorder.changed(by, { what: 'token.add', object: isUserName(name) ? name : 'unknown', detail }, work);
      return text;
    },
    async remove(name, by, signal) {
      const work = async () => {
        const mine = (await tokens(signal)).filter(({ document }) => document.name === name);
        if (mine.length === 0) throw fail('access/no-token', { name });
        for (const { id, ...found } of mine) await access.remove(id, found, signal);
      };
      await recorder.changed(by, { what: 'token.remove', object: name }, work);
    },
    async find(text, signal) {
      if (!text.startsWith(tokenPrefix) || text.length > 100) return undefined;
      const document = (await access.known(digestOf(text), signal))?.document;
      if (document?.kind !== 'token' || isExpired(document, clock.now())) return undefined;
      const { name, role, scope } = document;
      return { name, role, via: 'token', ...present({ scope }) };
    },
  };
}
