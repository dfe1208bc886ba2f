import type { FC } from 'hono/jsx';
import { Buttons, Field } from '../field.tsx';
import { type Made, pathOf } from '../parts.tsx';

export const reasons = ['unspecified', 'superseded', 'keyCompromise', 'cessationOfOperation'] as const;

export type Asked = 'revoke' | 'rollback' | 'pause';

/** Asks before a certificate is revoked, rolled back or paused. */
export const ConfirmOne: FC<Made & { readonly action: Asked; readonly name: string; readonly revision: string }> = ({
  reader: { text, csrf },
  action,
  name,
  revision,
}) => (
  <div class="ask">
    <h1>{text.confirm[action](name)}</h1>
    <p>{text.confirm[`${action}Text`]}</p>
    <form method="post" action={pathOf(name, action)}>
      <input type="hidden" name="csrf" value={csrf} />
      <input type="hidden" name="ifRevision" value={revision} />
      {action === 'pause' ? (
        <Field
          name="why"
          label={text.confirm.pauseReason}
          type="text"
          autocomplete="off"
          required={false}
          maxlength={200}
        />
      ) : null}
      {action === 'revoke' ? (
        <fieldset>
          <legend>{text.confirm.reason}</legend>
          {reasons.map((reason, at) => (
            <label class="choice">
              <input type="radio" name="reason" value={reason} checked={at === 0} />
              <span>
                {text.confirm.reasons[reason]} <span class="muted">{text.confirm.reasonHints[reason]}</span>
              </span>
            </label>
          ))}
        </fieldset>
      ) : null}
      <Buttons text={text} label={text.actions[action]} back={pathOf(name)} isDangerous={action === 'revoke'} />
    </form>
  </div>
);

export const actsOnMany = ['renew', 'redeploy', 'pause', 'resume'] as const;
export type ActOnMany = (typeof actsOnMany)[number];

/** Asks before something is done to many certificates. */
export const ConfirmMany: FC<Made & { readonly action: ActOnMany; readonly names: readonly string[] }> = ({
  reader: { text, csrf },
  action,
  names,
}) => (
  <div class="ask">
    <h1>{text.confirm[`${action}Many`](names.length)}</h1>
    <p>{text.confirm[`${action}ManyText`]}</p>
    <form method="post" action="/certificates">
      <input type="hidden" name="csrf" value={csrf} />
      <input type="hidden" name="action" value={action} />
      <input type="hidden" name="confirmed" value="yes" />
      <ul class="plain-list">
        {names.map((name) => (
          <li class="name">
            {name}
            <input type="hidden" name="name" value={name} />
          </li>
        ))}
      </ul>
      <Buttons text={text} label={text.actions[action]} back="/certificates" />
    </form>
  </div>
);
