import { expect, it } from 'vitest';
import { inTurns } from './drawing.ts';

it('draws four at once for all readers, once for those who ask for the same, and none for who has left', async () => {
  const begun: { readonly name: string; readonly end: () => void }[] = [];
  const draw = inTurns<string>(
    (name) => new Promise((resolve) => begun.push({ name, end: () => resolve(`drawn ${name}`) })),
  );
  const names = () => begun.map(({ name }) => name).join('');
  const reader = new AbortController();
  const ask = (name: string, { signal } = new AbortController()): Promise<string> => draw(name, signal);
  const first = [...'abcd'].map((name) => ask(name));
  const [same, leaving, ...waiting] = [ask('a'), ask('e', reader), ask('f'), ask('f'), ask('g')];
  const left = expect(leaving).rejects.toThrow('gone');
  await Promise.resolve();
  expect(names()).toBe('abcd');
  reader.abort(new Error('gone'));
  await left;
  begun[0]!.end();
  expect(await first[0]).toBe(await same);
  await expect.poll(names).toBe('abcdf');
  for (const { end } of begun) end();
  await Promise.all(first);
  await expect.poll(names).toBe('abcdfg');
  for (const { end } of begun) end();
  expect(await Promise.all(waiting)).toEqual(['drawn f', 'drawn f', 'drawn g']);
});
