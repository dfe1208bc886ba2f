import type { Child, FC } from 'hono/jsx';
import { harmless } from '../core/errors/remote-text.ts';
import type { Language } from '../core/errors/wording.ts';
import { Foreign, type Made } from './parts.tsx';
import { type Reader, texts, themes } from './reader.ts';

/** Where the page finds its style and scripts. */
export interface Assets {
  readonly style: string;
  readonly script: string;
}

/** What the navigation leads to. */
export type Section = 'overview' | 'certificates' | 'connections' | 'settings';

export const htmlLanguage = { en: 'en', zh: 'zh-Hans' } as const satisfies Record<Language, string>;

/** Of htmx: no style sheet of its own, no request elsewhere. There is no expression in any attribute. */
const htmxConfig = JSON.stringify({
  includeIndicatorCSS: false,
  history: false,
  // A page that could not be made must not take the place of one that was.
  noSwap: [204, 304, '4xx', '5xx'],
  // What a reader has opened stays open, and the script shows some things.
  morphIgnore: ['data-htmx-powered', 'open', 'hidden', 'aria-busy'],
});

/** A whole page. Its own things are all from this server, and nothing is inline. */
export const Page: FC<
  Made & {
    readonly assets: Assets;
    /** Which scripts and styles these are. */
    readonly build: string;
    readonly title: string;
    readonly at?: Section;
    readonly children?: Child;
  }
> = ({ reader, assets, build, title, at, children }) => {
  const { text, language, theme, who } = reader;
  return (
    <html lang={htmlLanguage[language]} data-theme={theme === 'auto' ? undefined : theme}>
      <head>
        <meta charset="utf-8" />
        <title>{`${harmless(title)} · certfleet`}</title>
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <meta name="htmx-config" content={htmxConfig} />
        <link rel="icon" href={icon} />
        <link rel="stylesheet" href={assets.style} />
        <script src={assets.script} defer></script>
      </head>
      <body data-sequence={reader.sequence} data-build={build}>
        <a class="skip" href="#main">
          {text.skip}
        </a>
        <header class="top">
          <a class="brand" href="/">
            certfleet
          </a>
          {who ? (
            <nav aria-label={text.navigation}>
              <a href="/" aria-current={at === 'overview' ? 'page' : undefined}>
                {text.overview}
              </a>
              <a href="/certificates" aria-current={at === 'certificates' ? 'page' : undefined}>
                {text.certificates}
              </a>
              <a href="/connections" aria-current={at === 'connections' ? 'page' : undefined}>
                {text.connections.title}
              </a>
              <a href="/settings" aria-current={at === 'settings' ? 'page' : undefined}>
                {text.settings.title}
              </a>
            </nav>
          ) : null}
          <Wishes reader={reader} />
        </header>
        <p
          id="live-state"
          class="live-state"
          role="status"
          data-lost={text.live.lost}
          data-out={text.live.out}
          data-login={text.live.login}
        ></p>
        <main id="main" tabindex={-1}>
          {children}
        </main>
      </body>
    </html>
  );
};

/** A closed padlock. */
export const icon = `data:image/svg+xml,${encodeURIComponent(
  '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><path d="M4 7V5a4 4 0 0 1 8 0v2" fill="none" stroke="#0b5cad" stroke-width="2"/><rect x="2.5" y="7" width="11" height="7.5" rx="1.5" fill="#0b5cad"/></svg>',
)}`;

/** Of the switch, in all its languages: a person who needs it may not read the page's. */
export const languagesLabel = 'Language · 语言';

/** Language, colours, and who is logged in. */
const Wishes: FC<Made> = ({ reader }) => {
  const { text, language, theme, who, csrf } = reader;
  return (
    <div class="settings">
      <ul class="switch" aria-label={languagesLabel}>
        {(['en', 'zh'] as const).map((one) => (
          <li>
            <a
              href={withParam(reader, 'language', one)}
              lang={htmlLanguage[one]}
              hreflang={htmlLanguage[one]}
              aria-current={one === language ? 'true' : undefined}
            >
              {texts[one].language}
            </a>
          </li>
        ))}
      </ul>
      <ul class="switch" aria-label={text.theme}>
        {themes.map((one) => (
          <li>
            <a
              href={withParam(reader, 'theme', one)}
              title={text.themes[one]}
              aria-label={text.themes[one]}
              aria-current={one === theme ? 'true' : undefined}
            >
              <ThemeIcon theme={one} />
            </a>
          </li>
        ))}
      </ul>
      {who ? (
        <div class="who">
          <span>
            <Foreign>{text.signedInAs(who.name, text.roles[who.role])}</Foreign>
          </span>
          {who.isSocket ? null : (
            <form method="post" action="/logout">
              <input type="hidden" name="csrf" value={csrf} />
              <button type="submit" class="plain">
                {text.logOut}
              </button>
            </form>
          )}
        </div>
      ) : null}
    </div>
  );
};

const ThemeIcon: FC<{ readonly theme: Reader['theme'] }> = ({ theme }) => (
  <svg viewBox="0 0 16 16" width="16" height="16" aria-hidden="true" focusable="false">
    {theme === 'light' ? (
      <>
        <circle cx="8" cy="8" r="3" fill="currentColor" />
        <path
          d="M8 1v2M8 13v2M1 8h2M13 8h2M3 3l1.4 1.4M11.6 11.6 13 13M13 3l-1.4 1.4M4.4 11.6 3 13"
          stroke="currentColor"
          stroke-width="1.5"
          stroke-linecap="round"
        />
      </>
    ) : theme === 'dark' ? (
      <path d="M13.5 9.8A6 6 0 0 1 6.2 2.5a6 6 0 1 0 7.3 7.3Z" fill="currentColor" />
    ) : (
      <>
        <circle cx="8" cy="8" r="5.5" fill="none" stroke="currentColor" stroke-width="1.5" />
        <path d="M8 2.5a5.5 5.5 0 0 1 0 11Z" fill="currentColor" />
      </>
    )}
  </svg>
);

/** The page's own address with one parameter more, which is a wish of the reader and not of the page. */
function withParam({ here }: Reader, name: string, value: string): string {
  const [path = '/', query = ''] = here.split('?');
  const params = new URLSearchParams(query);
  params.set(name, value);
  return `${path}?${params}`;
}

/** In which zone the times of a page are. */
export const Zone: FC<Made> = ({ reader: { text, times } }) => <p class="zone">{text.timesIn(times.zone)}</p>;

/** What was done or refused, above the content. */
export const Notice: FC<{ readonly kind: 'done' | 'refused'; readonly children?: Child }> = ({ kind, children }) => (
  <div class={`notice ${kind}`} role={kind === 'refused' ? 'alert' : 'status'}>
    {children}
  </div>
);
