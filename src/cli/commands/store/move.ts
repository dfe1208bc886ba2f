import { loadSettings } from '../../../config/file/load.ts';
import { fail } from '../../../core/errors/errors.ts';
import type { AdapterSettings } from '../../../core/spec/spec.ts';
import { counted } from '../../../core/text/counted.ts';
import { present } from '../../../core/text/present.ts';
import { shellWord } from '../../../core/text/shell-word.ts';
import { cancelMoveOfStore, moveStore as move } from '../../../whole-store.ts';
import type { Run, Session } from '../../context.ts';
import { configurationRequest } from '../../flags/configuration-path.ts';
import { cutAt, wholePathOf } from '../../flags/values.ts';

/** `certfleet store move FROM TO`. */
export const moveStore: Run = async (session) => {
  const { args, flags } = session.invocation;
  if (flags['store'] !== undefined)
    throw fail('usage/not-applicable', {
      typed: '--store',
      reason: 'store move names both stores itself',
      advice: 'Type `certfleet store move FROM TO`.',
    });
  const [from, to] = [await placeOf(args[0] ?? '', session), await placeOf(args[1] ?? '', session)];
  const context = { world: await session.world(), env: session.context.env };
  const command = `certfleet store move ${shellWord(from.typed)} ${shellWord(to.typed)}`;
  const request = { from: from.settings, to: to.settings, command };
  return flags['cancel'] === true ? cancel(session, request, context) : moveOn(session, request, context);
};

type Request = Parameters<typeof move>[0];
type Context = Parameters<typeof move>[1];

async function moveOn(session: Session, request: Request, context: Context): Promise<number> {
  const moved = await move(request, context, session.signal);
  const { from, to, documents, certificates } = moved;
  session.printJson({ object: 'store-move', ...moved });
  if (documents === undefined || certificates === undefined)
    session.print(`The store ${from} has been moved to ${to}; nothing was left to do.`);
  else
    session.print(
      `Moved ${from} to ${to}: ${counted(certificates, 'certificate')}, ${counted(documents, 'document')}.`,
    );
  session.note(
    `Next: name the new place as \`store\` in certfleet.yaml on every machine, and start \`certfleet run\` again. The old one is refused from now on; remove it once all is well.`,
  );
  return 0;
}

async function cancel(session: Session, request: Request, context: Context): Promise<number> {
  const { from, to, left } = await cancelMoveOfStore(request, context, session.signal);
  session.printJson({ object: 'store-move-cancelled', from, to, left });
  session.print(`The move of ${from} to ${to} is cancelled, and ${from} is used as before.`);
  if (left !== undefined)
    session.complain(
      `warning: what was copied is still at ${to}, and must be removed before a store can be moved there: ${left}`,
    );
  return 0;
}

interface Place {
  readonly settings: AdapterSettings;
  /** As it can be typed anywhere. */
  readonly typed: string;
}

/** Reads a place. A URL with a password is refused, because every user of the machine can see it. */
async function placeOf(text: string, session: Session): Promise<Place> {
  const { env } = session.context;
  const [kind, rest] = cutAt(text, ':');
  if (text === 'config' || kind === 'config') {
    const request = await configurationRequest(session);
    const named = rest ?? request.file;
    const file = named === undefined ? undefined : wholePathOf('config:', named, env);
    const { store } =
      rest === undefined ? await session.settings() : await loadSettings({ ...request, ...present({ file }) });
    return { settings: store, typed: file === undefined ? 'config' : `config:${file}` };
  }
  if (kind === 'env') return inDatabase(text);
  if (kind === 'file') return inDatabase(`file:${wholePathOf('file:', rest ?? '', env)}`);
  if (/^postgres(ql)?$/.test(kind)) {
    const hasPassword = URL.canParse(text) ? new URL(text).password !== '' : text.includes('@');
    if (hasPassword) throw fail('usage/secret-visible', { flag: 'store move', form: 'env:NAME or file:/path' });
    return inDatabase(text);
  }
  if (rest !== undefined && !text.includes('/'))
    throw fail('usage/invalid-value', { typed: text, form: 'a folder, env:NAME, file:/path, config or config:/path' });
  const path = wholePathOf('', text, env);
  return { settings: { type: 'file', path }, typed: path };
}

const inDatabase = (url: string): Place => ({ settings: { type: 'postgres', url }, typed: url });
