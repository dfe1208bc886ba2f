import { Client } from 'pg';

/** Runs an effect of a kind on a target; `sent` is to be called once the statement is on its way. */
type Effect = <T>(kind: string, target: string, run: (sent: () => void) => Promise<T>) => Promise<T>;

type Query = (this: Client, text: unknown, values?: readonly unknown[]) => Promise<unknown>;

/**
 * Makes the statements that write into effects, `write/store/lineage/abc`, of every client of this process. These have a
 * moment more than effects on files: `sent`, when the server may have the statement but nothing has come back.
 */
export function tracePostgres(effect: Effect): void {
  const prototype = Client.prototype as unknown as { query: Query };
  const { query } = prototype;
  prototype.query = function (text, values) {
    const run = () => query.call(this, text, ...(values === undefined ? [] : [values]));
    const [kind, target] = (typeof text === 'string' && writtenBy(text, values ?? [])) || [];
    if (kind === undefined || target === undefined) return run();
    return effect(kind, target, (sent) => {
      const answer = run();
      // pg writes to its socket at the end of this turn.
      setImmediate(sent);
      return answer;
    });
  };
}

function writtenBy(text: string, values: readonly unknown[]): readonly [kind: string, target: string] | undefined {
  if (text.trim().startsWith('with made')) {
    const [kind, name, , bytes] = values;
    // Each lane has a CA of its own, whose address is the name of the account.
    const document = kind === 'account' ? 'CA' : Buffer.from(name as Uint8Array).toString();
    const path = `store/${kind}/${document}`;
    return [bytes === null ? 'delete' : 'write', path];
  }
  // Making the schema, trying it out, and removing what was deleted long ago.
  const [verb = '', object = ''] = text.trim().split(/\s+/);
  if (!/^(create|insert|update|delete|commit|rollback)$/.test(verb)) return undefined;
  return ['execute', `store/${verb} ${object.replace(/^"?store_\d+"?\./, '')}`.trim()];
}
