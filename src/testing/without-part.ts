import type { Fault } from './fake-api.ts';

/**
 * Removes one part from the responses of a service: a field of an object, in all members of a list, or an element of
 * XML. The parts of all responses are counted together. After `parts` runs, each part was missing once.
 *
 * @param at the index of the part, from 0
 */
export function withoutPart(at: number): { readonly fault: Fault; readonly parts: () => number } {
  let seen = 0;
  const times = new Map<string, number>();
  const change: Extract<Fault, { kind: 'changed' }>['change'] = (answer, { method, url, text, headers }) => {
    // A list that has lost its end continues.
    const call = `${method} ${url.pathname} ${headers['x-acs-action'] ?? headers['x-tc-action']} ${text}`;
    times.set(call, (times.get(call) ?? 0) + 1);
    if (times.get(call)! > 8) return { status: 400 };
    return { ...answer, body: without(answer.body, () => seen++ === at) };
  };
  /** Removes a part. The same part of a list's members counts as one. */
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
