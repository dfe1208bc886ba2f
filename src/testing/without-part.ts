import type { Fault } from './fake-api.ts';

/**
 * Takes one part out of the answers of a service, which are counted together: a field of an object, in all members of a
 * list, or an element of XML. After `parts` tries, each part was missing once.
 *
 * @param at which part, from 0
 */
export function withoutPart(at: number): { readonly fault: Fault; readonly parts: () => number } {
  let seen = 0;
  const times = new Map<string, number>();
  const change: Extract<Fault, { kind: 'changed' }>['change'] = (answer, { method, url, text, headers }) => {
    // A list that has lost its end goes on.
    const call = `${method} ${url.pathname} ${headers['x-acs-action'] ?? headers['x-tc-action']} ${text}`;
    times.set(call, (times.get(call) ?? 0) + 1);
    if (times.get(call)! > 8) return { status: 400 };
    return { ...answer, body: without(answer.body, () => seen++ === at) };
  };
  /** The parts of a list's members are the same ones. */
  function without(body: unknown, isIt: () => boolean): unknown {
    if (typeof body === 'string') return body.replace(/<(\w+)>[^<]*<\/\1>/g, (whole) => (isIt() ? '' : whole));
    if (Array.isArray(body)) {
      const before = seen;
      return body.map((one) => {
        seen = before;
        return without(one, isIt);
      });
    }
    if (typeof body !== 'object' || body === null) return body;
    return Object.fromEntries(
      Object.entries(body).flatMap(([name, one]) =>
        isIt() ? [] : [[name, typeof one === 'string' ? one : without(one, isIt)]],
      ),
    );
  }
  return { fault: { kind: 'changed', change }, parts: () => seen };
}
