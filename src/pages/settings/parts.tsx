import type { Child, FC } from 'hono/jsx';
import { Notice } from '../layout.tsx';
import type { Made } from '../parts.tsx';

export const sections = ['users', 'tokens', 'audit', 'alarms', 'configuration'] as const;
export type SettingsSection = (typeof sections)[number];

export const doneKinds = ['added', 'role', 'password', 'removed', 'sent'] as const;
export type Done = (typeof doneKinds)[number];

/** A part of the settings, with links to those that the reader may see. */
export const SettingsPage: FC<
  Made & {
    readonly at: SettingsSection;
    readonly seen: readonly SettingsSection[];
    readonly done?: Done | undefined;
    readonly children?: Child;
  }
> = ({ reader: { text }, at, seen, done, children }) => (
  <>
    <h1>{text.settings.title}</h1>
    <nav class="tabs" aria-label={text.settings.sections}>
      {seen.map((one) => (
        <a href={`/settings/${one}`} aria-current={one === at ? 'page' : undefined}>
          {text.settings[one]}
        </a>
      ))}
    </nav>
    {done ? <Notice kind="done">{text.settings.done[done]}</Notice> : null}
    {children}
  </>
);
