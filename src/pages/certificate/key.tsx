import type { Context, Hono } from 'hono';
import type { FC } from 'hono/jsx';
import type { Env } from '../../access/who.ts';
import { isOidcName } from '../../core/access/oidc.ts';
import { may, type Who } from '../../core/access/role.ts';
import { isFailure } from '../../core/errors/errors.ts';
import { say } from '../../core/errors/wording.ts';
import type { FleetActions } from '../../fleet/web/actions.ts';
import { type FleetKeys, keyHeaders } from '../../fleet/web/keys.ts';
import type { FleetView } from '../../fleet/web/view.ts';
import type { Clock } from '../../ports/clock.ts';
import { Buttons, Field } from '../field.tsx';
import { type Made, pathOf } from '../parts.tsx';
import { certificatePage, forbidden, missing, page, readerOf } from '../respond.tsx';

interface Parts {
  readonly view: FleetView;
  readonly actions: FleetActions;
  readonly keys: FleetKeys;
  readonly clock: Clock;
  readonly life: string;
}

const hasNoPassword = ({ via, name }: Who) => via !== 'login' || isOidcName(name);

/** Adds the download of a private key, and the page that asks before. */
export function addKey(app: Hono<Env>, parts: Parts): void {
  const { view, keys, clock } = parts;

  function ask(c: Context<Env>, name: string, problem?: string) {
    const reader = readerOf(c, clock.now(), undefined);
    const title = reader.text.confirm.key(name);
    const body = <AskKey reader={reader} name={name} isProved={hasNoPassword(c.var.who)} problem={problem} />;
    return page(c, reader, { title, at: 'certificates', status: problem === undefined ? 200 : 422 }, body);
  }

  app.get('/certificates/:name/key', async (c) => {
    const name = c.req.param('name');
    if (!may(c.var.who, 'download-key')) return forbidden(c, clock.now(), 'download-key');
    if (!keys.isOn() || !(await view.certificate(name, c.req.raw.signal))) return missing(c, clock.now(), name);
    return ask(c, name);
  });

  app.post('/certificates/:name/key', async (c) => {
    const name = c.req.param('name');
    if (!may(c.var.who, 'download-key')) return forbidden(c, clock.now(), 'download-key');
    const { password } = await c.req.parseBody();
    const typed = typeof password === 'string' ? password.slice(0, 1_000) : undefined;
    try {
      const asker = { who: c.var.who, from: c.var.from };
      const file = await keys.download({ name, password: typed }, asker, c.req.raw.signal);
      return c.body(file.pem.reveal(), 200, keyHeaders(file.name));
    } catch (error) {
      if (!isFailure(error)) throw error;
      if (isFailure(error, 'lineage/not-found')) return missing(c, clock.now(), name);
      const { message, hint } = say(error, c.var.language);
      if (isFailure(error, 'access/slow')) return ask(c, name, `${message}. ${hint}`);
      if (isFailure(error, 'access/wrong-password', 'access/password-needed')) return ask(c, name, message);
      return certificatePage(c, parts, { name, refused: error });
    }
  });
}

const AskKey: FC<
  Made & { readonly name: string; readonly isProved: boolean; readonly problem?: string | undefined }
> = ({ reader: { text, csrf }, name, isProved, problem }) => (
  <div class="ask">
    <h1>{text.confirm.key(name)}</h1>
    <p>{text.confirm.keyText}</p>
    <form method="post" action={pathOf(name, 'key')}>
      <input type="hidden" name="csrf" value={csrf} />
      {isProved ? null : (
        <Field
          name="password"
          label={text.confirm.password}
          type="password"
          autocomplete="current-password"
          maxlength={256}
          problem={problem}
        />
      )}
      <Buttons text={text} label={text.actions.downloadKey} back={pathOf(name)} isDangerous />
    </form>
  </div>
);
