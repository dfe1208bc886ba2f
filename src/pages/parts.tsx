import type { Child, FC } from 'hono/jsx';
import { unseen } from '../core/errors/remote-text.ts';
import { inLanguage, type Language } from '../core/errors/wording.ts';
import type { LineageStatus } from '../core/plan/status.ts';
import type { Reader } from './reader.ts';

export type State = LineageStatus['state'];

/** What every component gets: for whom it is made. */
export interface Made {
  readonly reader: Reader;
}

/** Which look a state has. Each look has a shape of its own, too, because not everyone sees colours. */
const looks = {
  valid: 'good',
  due: 'soon',
  expired: 'bad',
  missing: 'soon',
  failing: 'bad',
  working: 'busy',
  interrupted: 'soon',
  pending: 'soon',
  paused: 'off',
  revoked: 'bad',
  undeclared: 'off',
  test: 'off',
  corrupt: 'bad',
} as const satisfies Record<State, string>;

export type Look = (typeof looks)[State];

export const Badge: FC<{ readonly look: Look; readonly children?: Child }> = ({ look, children }) => (
  <span class={`badge ${look}`}>{children}</span>
);

export const StateBadge: FC<Made & { readonly state: State }> = ({ reader: { text }, state }) => (
  <Badge look={looks[state]}>{text.states[state]}</Badge>
);

/** A time: how far away it is, and exactly. */
export const When: FC<Made & { readonly at: string; readonly form?: 'both' | 'distance' | 'exact' | 'day' }> = ({
  reader: { times },
  at,
  form = 'both',
}) => {
  const exact = times.exact(at);
  if (form === 'exact' || form === 'day') return <time datetime={at}>{form === 'day' ? times.day(at) : exact}</time>;
  if (form === 'distance')
    return (
      <time datetime={at} title={exact}>
        {times.distance(at)}
      </time>
    );
  return (
    <time datetime={at}>
      {times.distance(at)} <span class="exact">{exact}</span>
    </time>
  );
};

const picture = (char: string): string => {
  const code = char.codePointAt(0) ?? 0;
  return code < 0x20 ? String.fromCodePoint(0x2400 + code) : `U+${code.toString(16).toUpperCase().padStart(4, '0')}`;
};

/**
 * A text from outside: a CA, a cloud, a program or a person. It stays in its own direction, and characters that hide or
 * reorder are shown.
 */
export const Foreign: FC<{ readonly children: string; readonly as?: 'bdi' | 'code'; readonly lang?: string }> = ({
  children,
  as: Tag = 'bdi',
  lang,
}) => {
  const parts: Child[] = [];
  let from = 0;
  for (const { 0: char, index } of children.matchAll(unseen)) {
    parts.push(children.slice(from, index), <span class="unseen">{picture(char)}</span>);
    from = index + char.length;
  }
  parts.push(children.slice(from));
  return (
    <Tag dir="auto" lang={lang}>
      {parts}
    </Tag>
  );
};

/** A message or a hint of certfleet: what is between backquotes is to be typed. */
export const Told: FC<{ readonly children: string }> = ({ children }) => (
  <>
    {children
      .split('`')
      .map((part, at) =>
        part === '' ? null : at % 2 === 1 ? <Foreign as="code">{part}</Foreign> : <Foreign>{part}</Foreign>,
      )}
  </>
);

/** A text of certfleet, which stays English where it has no other words. */
export const Worded: FC<{ readonly language: Language; readonly isHint?: boolean; readonly children: string }> = ({
  language,
  isHint = false,
  children,
}) => {
  const said = inLanguage(children, language);
  return (
    <p class={isHint ? 'hint' : undefined} lang={said === children ? 'en' : undefined}>
      <Told>{said}</Told>
    </p>
  );
};

/** A form of one button that changes something. */
export const Act: FC<
  Made & {
    readonly to: string;
    readonly fields?: Readonly<Record<string, string>>;
    readonly kind?: 'main' | undefined;
    readonly label?: string;
    readonly children?: Child;
  }
> = ({ reader: { csrf }, to, fields = {}, kind, label, children }) => (
  <form method="post" action={to} class="act">
    <input type="hidden" name="csrf" value={csrf} />
    {Object.entries(fields).map(([name, value]) => (
      <input type="hidden" name={name} value={value} />
    ))}
    <button type="submit" class={kind} aria-label={label}>
      {children}
    </button>
  </form>
);

export const Panel: FC<{
  readonly id: string;
  readonly title: string;
  readonly aside?: Child;
  readonly children?: Child;
}> = ({ id, title, aside, children }) => (
  <section class="panel" id={id} aria-labelledby={`${id}-title`}>
    <div class="panel-head">
      <h2 id={`${id}-title`}>{title}</h2>
      {aside}
    </div>
    {children}
  </section>
);

export const Empty: FC<{ readonly children?: Child }> = ({ children }) => <p class="empty">{children}</p>;

/** The address of a certificate's page, or of something below it. */
export const pathOf = (name: string, below = ''): string =>
  `/certificates/${encodeURIComponent(name)}${below === '' ? '' : `/${below}`}`;
