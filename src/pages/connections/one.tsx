import type { Child, FC } from 'hono/jsx';
import { inLanguage, say } from '../../core/errors/wording.ts';
import { isFields } from '../../core/text/json.ts';
import type { ConnectionTest } from '../../fleet/web/connection-test.ts';
import type { ConnectionView } from '../../fleet/web/connections.ts';
import type { Choices, WrongFields } from '../../fleet/web/declarations.ts';
import { durationText } from '../certificate/history.tsx';
import { Field, OtherProblems } from '../field.tsx';
import { FirstSteps } from '../first-steps.tsx';
import { Badge, Foreign, type Made, Panel, Told, When, Worded } from '../parts.tsx';
import { type ConnectionForm, Form } from './form.tsx';
import { Users } from './list.tsx';
import { connectionPath } from './paths.ts';

/** What was tried on the page of a connection, or why it could not be. */
export interface Tried {
  readonly zone: string;
  readonly answer?: ConnectionTest | undefined;
  /** By field; '' of none. */
  readonly wrong?: WrongFields | undefined;
}

export const Connection: FC<
  Made & {
    readonly view: ConnectionView;
    readonly title: string;
    readonly mayChange: boolean;
    /** Whether the reader may see what it is set to, and test it. */
    readonly mayConnect: boolean;
    readonly tried: Tried;
    readonly form: ConnectionForm | undefined;
    /** What someone else has done to it since the reader saw it. */
    readonly meanwhile: Child;
    readonly choices: Choices | undefined;
  }
> = ({ reader, view, title, mayChange, mayConnect, tried, form, meanwhile, choices }) => {
  const { text } = reader;
  const words = text.connections;
  const { section, name, declaredIn, by, at } = view;
  return (
    <>
      <div class="title">
        <div>
          <h1>
            <Foreign>{name}</Foreign>
          </h1>
          <p class="muted">
            {words.sections[section]} · <Foreign>{title}</Foreign>
          </p>
        </div>
        <div class="actions">
          {mayChange && declaredIn === 'store' ? (
            <a class="button danger" href={connectionPath(section, name, 'remove')}>
              {words.remove}
            </a>
          ) : null}
          <a class="button plain" href="/connections">
            {words.back}
          </a>
        </div>
      </div>
      {view.refused === undefined ? null : (
        <div class="notice refused" role="alert">
          <p>{words.refused}</p>
          <p>
            <Told>{inLanguage(view.refused, reader.language)}</Told>
          </p>
        </div>
      )}
      <div class="columns">
        <Panel id="options" title={words.options}>
          {declaredIn === 'file' ? <p class="hint">{words.inFileText}</p> : null}
          {form && lacksSecrets(form, view) ? <p class="hint">{words.noSecrets}</p> : null}
          {form ? (
            <Form reader={reader} {...form}>
              {meanwhile}
            </Form>
          ) : mayConnect ? (
            <Options reader={reader} view={view} />
          ) : (
            <p class="hint">{words.onlyOperators}</p>
          )}
        </Panel>
        <div>
          {view.canTest && mayConnect ? <Test reader={reader} view={view} tried={tried} /> : null}
          {choices ? <FirstSteps reader={reader} choices={choices} /> : null}
          <Panel id="facts" title={words.usedBy}>
            <p>
              <Users reader={reader} view={view} />
            </p>
            <dl class="small">
              <div>
                <dt>{words.declaredIn}</dt>
                <dd>{declaredIn === 'file' ? words.inFile : words.inStore}</dd>
              </div>
              {by === undefined ? null : (
                <div>
                  <dt>{words.by}</dt>
                  <dd>
                    <Foreign>{by}</Foreign> {at === undefined ? null : <When reader={reader} at={at} form="exact" />}
                  </dd>
                </div>
              )}
            </dl>
          </Panel>
        </div>
      </div>
    </>
  );
};

/** Reports whether nothing is entered of what a service would know one by. */
const lacksSecrets = ({ kind }: ConnectionForm, { section, secrets }: ConnectionView): boolean =>
  section !== 'issuers' && secrets.length === 0 && kind.fields.some(({ isSecret }) => isSecret);

/** What it is set to, without its secrets. */
const Options: FC<Made & { readonly view: ConnectionView }> = ({ reader: { text }, view: { options, secrets } }) => (
  <dl class="small">
    {flat(options).map(([name, value]) => (
      <div>
        <dt>
          <code>{name}</code>
        </dt>
        <dd>
          <Foreign as="code">{value}</Foreign>
        </dd>
      </div>
    ))}
    {secrets.map((name) => (
      <div>
        <dt>
          <code>{name}</code>
        </dt>
        <dd class="muted">{text.connections.secretSet}</dd>
      </div>
    ))}
  </dl>
);

const flat = (fields: object, path = ''): readonly (readonly [string, string])[] =>
  Object.entries(fields).flatMap(([key, value]): readonly (readonly [string, string])[] =>
    isFields(value)
      ? flat(value, `${path}${key}.`)
      : [[`${path}${key}`, Array.isArray(value) ? value.map(wordOf).join(', ') : wordOf(value)]],
  );
const wordOf = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value));

const Test: FC<Made & { readonly view: ConnectionView; readonly tried: Tried }> = ({ reader, view, tried }) => {
  const { text, csrf, language } = reader;
  const { section, name, provider } = view;
  const { wrong } = tried;
  const words = text.connections.test;
  const about: Readonly<Record<string, string>> = words.about;
  const overDns = provider !== undefined;
  const asksHost = section === 'balancers' || section === 'solvers';
  const to = connectionPath(section, name, 'test');
  return (
    <Panel id="test" title={words.title}>
      <p class="muted">{section === 'solvers' && !overDns ? about['balancers'] : about[section]}</p>
      <form method="post" action={to} novalidate hx-post={to} hx-target="#test" hx-select="#test" hx-swap="outerHTML">
        <input type="hidden" name="csrf" value={csrf} />
        {asksHost ? (
          <Field
            name="zone"
            label={overDns ? words.zone : words.host}
            type="text"
            autocomplete="off"
            value={tried.zone}
            hint={overDns ? words.zoneHint : words.hostHint}
            required={overDns}
            problem={wrong?.['zone'] && inLanguage(wrong['zone'], language)}
          />
        ) : null}
        <button type="submit" data-busy={words.busy}>
          {words.button}
        </button>
      </form>
      <OtherProblems problem={wrong?.[''] && inLanguage(wrong[''], language)} />
      <div role="status">{tried.answer ? <Answer reader={reader} answer={tried.answer} /> : null}</div>
    </Panel>
  );
};

const Answer: FC<Made & { readonly answer: ConnectionTest }> = ({ reader, answer: { ok, steps, failure, left } }) => {
  const { text, language } = reader;
  const words = text.connections.test;
  const names: Readonly<Record<string, string>> = words.steps;
  const said = failure && say(failure, language);
  return (
    <div class="answer">
      <p>
        <Badge look={ok ? 'good' : 'bad'}>{ok ? words.well : words.failed}</Badge>
      </p>
      <ol class="hops" aria-label={words.tried}>
        {steps.map(({ step, finding, ms }) => (
          <li class="well">
            <div class="row-head">
              <strong>{names[step] ?? step}</strong>
              <span class="muted">{durationText(reader, ms)}</span>
            </div>
            <Worded language={language}>{finding}</Worded>
          </li>
        ))}
        {said ? (
          <li class="broken">
            <p class="problem">
              <Told>{said.message}</Told>
            </p>
            <p class="hint">
              <Told>{said.hint}</Told>
            </p>
          </li>
        ) : null}
      </ol>
      {left === undefined ? null : (
        <p class="problem">
          {words.left} <Foreign>{inLanguage(left, language)}</Foreign>
        </p>
      )}
    </div>
  );
};
