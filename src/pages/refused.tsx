import type { Child } from 'hono/jsx';
import { type CertfleetError, isFailure } from '../core/errors/errors.ts';
import { type Language, say } from '../core/errors/wording.ts';
import { Outside } from './login.tsx';
import { Told } from './parts.tsx';
import { en } from './text/en.ts';
import { zh } from './text/zh.ts';

const texts = {
  en: {
    refused: 'This was not done',
    tooLarge: 'The form is too large',
    most: 'All that is typed in it may have 256 KiB together.',
    goBack: 'Nothing was done. Go back in the browser to the form, where what you typed still is, and shorten it.',
  },
  zh: {
    refused: '操作没有执行',
    tooLarge: '表单内容太大',
    most: '其中输入的内容合计最多 256 KiB。',
    goBack: '请用浏览器返回表单，已输入的内容仍在，缩短后再提交。',
  },
} as const satisfies Record<Language, object>;

interface Refused {
  readonly failure: CertfleetError;
  readonly language: Language;
  /** A part of the page in which the form still is will have it. */
  readonly isPart: boolean;
}

/** The part that is shown within the page of a form. */
const refusedId = 'refused';
export const showRefused = `select:#${refusedId}`;

/** Says beside a form that its login has ended. */
function outPart(language: Language): string {
  const { live } = { en, zh }[language];
  const part = (
    <div id={refusedId} role="alert">
      <p class="why">{live.out}</p>
      <p>
        <a href="/login?unsent=yes">{live.login}</a>
      </p>
    </div>
  );
  return `${part}`;
}

/** Says why something is refused before anything has looked at it. */
export function refusedPage({ failure, language, isPart }: Refused): string {
  const text = texts[language];
  if (isPart && isFailure(failure, 'access/login')) return outPart(language);
  const isTooLarge = isFailure(failure, 'usage/too-long');
  const title = isTooLarge ? text.tooLarge : text.refused;
  const { message, hint } = say(failure, language);
  const { live } = { en, zh }[language];
  const told: readonly Child[] = isTooLarge
    ? [text.most, ...(isPart ? [] : [text.goBack])]
    : [<Told>{message}</Told>, <Told>{hint}</Told>];
  const page = (
    <Outside language={language} title={title} isAnswer>
      <div id={refusedId} role="alert">
        {isPart ? <p class="why">{title}</p> : null}
        {told.map((one) => (
          <p>{one}</p>
        ))}
        {failure.code.startsWith('access/oidc-') ? <a href="/login">{live.login}</a> : null}
      </div>
    </Outside>
  );
  return `<!DOCTYPE html>${page}`;
}
