import type { Child, FC } from 'hono/jsx';
import type { PasswordProblem } from '../core/access/user.ts';
import { type Language, languages } from '../core/errors/wording.ts';
import { assets } from './assets.ts';
import { Field } from './field.tsx';
import { htmlLanguage, icon, languagesLabel } from './layout.tsx';
import { texts as names } from './reader.ts';

/** The pages before a login. */

const texts = {
  en: {
    login: 'Log in',
    user: 'User',
    password: 'Password',
    again: 'Password again',
    first: 'The first administrator',
    make: 'Make the user',
    over: 'This link is not valid any longer',
    overHint: 'It is valid once, for 15 minutes, while there is no user. `certfleet user link` makes another one.',
    'no-user': 'Enter the name of the user.',
    'no-password': 'Enter the password.',
    unsent:
      'Your login had ended, so nothing was done. Log in, and go back in the browser to the form, where what you typed still is, except passwords and other secrets.',
    wrong: 'The user or the password is wrong.',
    slow: (seconds: number) => `There were too many tries. Try again in ${seconds} s.`,
    oidc: 'Log in with your company’s account',
    entered: 'You are logged in',
    goOn: 'Go on',
    'bad-name': 'A name has 1 to 64 of A-Z a-z 0-9 . _ @ + - and begins with a letter or digit.',
    unequal: 'The passwords are not the same.',
    'too-short': 'A password has at least 12 characters. A few words that do not belong together are good.',
    'too-long': 'A password has at most 256 characters.',
    'too-simple': 'This password is a few characters, repeated.',
    'is-name': 'This password is little more than the name of the user.',
  },
  zh: {
    login: '登录',
    user: '用户',
    password: '密码',
    again: '再次输入密码',
    first: '第一位管理员',
    make: '创建用户',
    over: '此链接已失效',
    overHint: '链接只能使用一次，15 分钟内有效，并且只在还没有用户时可用。`certfleet user link` 可生成新的链接。',
    'no-user': '请输入用户名。',
    'no-password': '请输入密码。',
    unsent: '登录已失效，操作没有执行。请先登录，再用浏览器返回表单，已输入的内容仍在，但密码和其他机密须重新输入。',
    wrong: '用户名或密码错误。',
    slow: (seconds: number) => `尝试次数过多，请在 ${seconds} 秒后重试。`,
    oidc: '使用公司账号登录',
    entered: '已登录',
    goOn: '继续',
    'bad-name': '名称由 1 到 64 个 A-Z a-z 0-9 . _ @ + - 组成，以字母或数字开头。',
    unequal: '两次输入的密码不一致。',
    'too-short': '密码至少 12 个字符。几个互不相关的词就是好密码。',
    'too-long': '密码最多 256 个字符。',
    'too-simple': '此密码只是几个字符的重复。',
    'is-name': '此密码与用户名几乎相同。',
  },
} as const satisfies Record<Language, object>;

/** What is wrong with the name or the password of a new user. */
export const problemText = (language: Language, problem: 'bad-name' | 'unequal' | PasswordProblem): string =>
  texts[language][problem];

/** A page for a reader who is not known. */
export const Outside: FC<{
  readonly language: Language;
  readonly title: string;
  /** Nothing can be read at its address, in any language. */
  readonly isAnswer?: boolean;
  readonly children?: Child;
}> = ({ language, title, isAnswer = false, children }) => (
  <html lang={htmlLanguage[language]}>
    <head>
      <meta charset="utf-8" />
      <title>{`${title} · certfleet`}</title>
      <meta name="viewport" content="width=device-width, initial-scale=1" />
      <meta name="color-scheme" content="light dark" />
      <link rel="icon" href={icon} />
      <link rel="stylesheet" href={assets.style} />
    </head>
    <body>
      <header class="top">
        <span class="brand">certfleet</span>
        <div class="settings">{isAnswer ? null : <Languages language={language} />}</div>
      </header>
      <main id="main">
        <div class="panel card">
          <h1>{title}</h1>
          {children}
        </div>
      </main>
    </body>
  </html>
);

const Languages: FC<{ readonly language: Language }> = ({ language }) => (
  <ul class="switch" aria-label={languagesLabel}>
    {languages.map((one) => (
      <li>
        <a href={`?language=${one}`} lang={htmlLanguage[one]} aria-current={one === language ? 'true' : undefined}>
          {names[one].language}
        </a>
      </li>
    ))}
  </ul>
);

export const LoginPage: FC<{
  readonly language: Language;
  readonly next: string;
  readonly user?: string;
  readonly problem?: 'no-user' | 'no-password' | 'wrong' | 'slow';
  readonly seconds?: number;
  /** A form was sent without a login. */
  readonly isUnsent?: boolean;
  readonly hasOidc?: boolean;
}> = ({ language, next, user, problem, seconds = 0, isUnsent = false, hasOidc = false }) => {
  const text = texts[language];
  const said = problem === undefined ? undefined : problem === 'slow' ? text.slow(seconds) : text[problem];
  const [ofUser, ofPassword] = problem === 'no-user' ? [said, undefined] : [undefined, said];
  return (
    <Outside language={language} title={text.login}>
      {isUnsent ? <p role="alert">{text.unsent}</p> : null}
      <form method="post" action="/login" novalidate>
        <input type="hidden" name="next" value={next} />
        <Field
          name="user"
          label={text.user}
          type="text"
          autocomplete="username"
          value={user}
          problem={ofUser}
          autofocus={ofPassword === undefined}
        />
        <Field
          name="password"
          label={text.password}
          type="password"
          autocomplete="current-password"
          problem={ofPassword}
          autofocus={ofPassword !== undefined}
        />
        <button type="submit" class="main">
          {text.login}
        </button>
      </form>
      {hasOidc ? <a href={`/login/oidc?next=${encodeURIComponent(next)}`}>{text.oidc}</a> : null}
    </Outside>
  );
};

export const EnteredPage: FC<{ readonly language: Language; readonly next: string }> = ({ language, next }) => (
  <Outside language={language} title={texts[language].entered} isAnswer>
    <a href={next}>{texts[language].goOn}</a>
  </Outside>
);

export const FirstPage: FC<{
  readonly language: Language;
  readonly user?: string;
  readonly problems?: {
    readonly user: 'bad-name' | undefined;
    readonly password: PasswordProblem | undefined;
    readonly again: 'unequal' | undefined;
  };
}> = ({ language, user, problems }) => {
  const text = texts[language];
  const said = (problem: keyof Omit<typeof text, 'slow'> | undefined) => problem && text[problem];
  return (
    <Outside language={language} title={text.first}>
      <form method="post" novalidate>
        <Field
          name="user"
          label={text.user}
          type="text"
          autocomplete="username"
          value={user}
          problem={said(problems?.user)}
        />
        <Field
          name="password"
          label={text.password}
          type="password"
          autocomplete="new-password"
          problem={said(problems?.password)}
        />
        <Field
          name="again"
          label={text.again}
          type="password"
          autocomplete="new-password"
          problem={said(problems?.again)}
        />
        <button type="submit" class="main">
          {text.make}
        </button>
      </form>
    </Outside>
  );
};

export const LinkOverPage: FC<{ readonly language: Language }> = ({ language }) => {
  const text = texts[language];
  return (
    <Outside language={language} title={text.over}>
      <p>{text.overHint}</p>
      <p>
        <a href="/login">{text.login}</a>
      </p>
    </Outside>
  );
};
