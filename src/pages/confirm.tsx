import type { FC } from 'hono/jsx';
import { Buttons } from './field.tsx';
import { type Made, pathOf } from './parts.tsx';

export const reasons = ['unspecified', 'superseded', 'keyCompromise', 'cessationOfOperation'] as const;

/** Asks before a certificate is revoked or rolled back. */
export const ConfirmOne: FC<
  Made & { readonly action: 'revoke' | 'rollback'; readonly name: string; readonly revision: string }
> = ({ reader: { text, csrf }, action, name, revision }) => (
  <div class="ask">
    <h1>{action === 'revoke' ? text.confirm.revoke(name) : text.confirm.rollback(name)}</h1>
    <p>{action === 'revoke' ? text.confirm.revokeText : text.confirm.rollbackText}</p>
    <form method="post" action={pathOf(name, action)}>
      <input type="hidden" name="csrf" value={csrf} />
      <input type="hidden" name="ifRevision" value={revision} />
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

/** Asks before something is done to many certificates. */
export const ConfirmMany: FC<Made & { readonly action: 'renew' | 'redeploy'; readonly names: readonly string[] }> = ({
  reader: { text, csrf },
  action,
  names,
}) => (
  <div class="ask">
    <h1>{action === 'renew' ? text.confirm.renewMany(names.length) : text.confirm.redeployMany(names.length)}</h1>
    <p>{action === 'renew' ? text.confirm.renewManyText : text.confirm.redeployManyText}</p>
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
