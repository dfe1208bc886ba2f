import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { editText } from './editor.ts';

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'editor-'));
  vi.stubEnv('TMPDIR', folder);
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true, force: true });
});

const edit = (env: Readonly<Record<string, string>>) =>
  editText('old\n', env, { isTerminal: false, signal: new AbortController().signal });

describe('editText', () => {
  it('reads what the editor wrote, and removes it when asked', async () => {
    const edited = await edit({ EDITOR: 'echo new >' });
    expect(edited.text).toBe('new\n');
    await edited.remove();
    expect(await readdir(folder)).toEqual([]);
  });

  it.each([
    [
      'there is neither a terminal nor an editor',
      { VISUAL: '', EDITOR: '' },
      /^`certfleet edit` requires a terminal/,
      'needs-terminal',
    ],
    ['the editor removes the file', { EDITOR: 'rm' }, /has removed the file, so nothing was changed$/, 'editor-failed'],
    ['the editor fails', { EDITOR: 'sh -c "exit 3"' }, /ended with 3, so nothing was changed$/, 'editor-failed'],
    [
      'there is no such editor',
      { EDITOR: '/no/such/editor 2>&- ' },
      /ended with 127, so nothing was changed$/,
      'editor-failed',
    ],
  ])('leaves nothing behind if %s', async (_what, env, message, code) => {
    await expect(edit(env)).rejects.toMatchObject({
      code: `usage/${code}`,
      message: expect.stringMatching(message),
    });
    expect(await readdir(folder)).toEqual([]);
  });

  it.each([
    ['is not there', 'none', 'no such file or folder'],
    ['is a file', 'file', 'not a folder|a file'],
  ])('names TMPDIR if its folder %s', async (_what, name, reason) => {
    await writeFile(join(folder, 'file'), '');
    vi.stubEnv('TMPDIR', join(folder, name));
    await expect(edit({ EDITOR: 'true' })).rejects.toMatchObject({
      code: 'usage/place-unwritable',
      message: expect.stringMatching(
        new RegExp(`^${join(folder, name)} \\(\\$TMPDIR\\) cannot be written: .*(${reason})`),
      ),
      hint: expect.stringContaining('TMPDIR='),
    });
  });

  it('keeps what was written if the editor fails after it', async () => {
    const failing = edit({ EDITOR: 'fails() { echo new > "$1"; return 1; }; fails' });
    await expect(failing).rejects.toThrow(/ended with 1, so nothing was changed; what you wrote is in .* until you/);
    const [kept = ''] = await readdir(folder);
    expect(await readFile(join(folder, kept, 'certfleet.yaml'), 'utf8')).toBe('new\n');
  });

  it.each([
    ['as it is', '', 'old\n'],
    ['as it was written', 'echo new > "$1";', 'new\n'],
  ])('ends the editor after an abort, and returns the text %s', async (_what, writes, text) => {
    const stop = new AbortController();
    const editing = editText(
      'old\n',
      { EDITOR: `${writes} : > "$1.open"; exec sleep 60;` },
      { isTerminal: false, signal: stop.signal },
    );
    await vi.waitFor(async () => {
      const [made = ''] = await readdir(folder);
      expect(await readdir(join(folder, made))).toContain('certfleet.yaml.open');
    });
    stop.abort(new Error('stopped'));
    const edited = await editing;
    expect(edited.text).toBe(text);
    await edited.remove();
    expect(await readdir(folder)).toEqual([]);
  });
});
