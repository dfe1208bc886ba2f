import type { FC } from 'hono/jsx';
import { knownIssuerAt, knownIssuers } from '../../core/ca/known-issuers.ts';
import { inLanguage } from '../../core/errors/wording.ts';
import type { ConnectionSection, ConnectionType } from '../../core/spec/connection.ts';
import type { ConnectionView } from '../../fleet/web/connections.ts';
import type { Choices } from '../../fleet/web/declarations.ts';
import { FirstSteps } from '../first-steps.tsx';
import { Badge, Empty, Foreign, type Made, Panel, pathOf, Told } from '../parts.tsx';
import type { Reader } from '../reader.ts';
import { adapterTitle } from '../text/adapters.ts';
import { connectionPath, newPath } from './paths.ts';

/** In the order in which a person needs them. */
export const shownSections: readonly ConnectionSection[] = ['issuers', 'solvers', 'deployers', 'balancers', 'alarms'];

/** What kind of connection it is, for people. */
export function kindTitle(
  { language }: Reader,
  { section, type, provider, options }: ConnectionView,
  types: readonly ConnectionType[],
): string {
  // A viewer is not told the address of a CA that is not well known.
  if (section === 'issuers' && options['directory'] !== undefined)
    return adapterTitle(issuerTitle(String(options['directory'])), language);
  const found = types.find((one) => one.section === section && one.type === type && one.provider === provider);
  return found ? adapterTitle(found.title, language) : [type, provider].filter(Boolean).join(' ');
}

const issuerTitle = (directory: string): string =>
  (Object.hasOwn(knownIssuers, directory) ? knownIssuers[directory] : knownIssuerAt(directory))?.title ?? directory;

export const Connections: FC<
  Made & {
    readonly views: readonly ConnectionView[];
    readonly types: readonly ConnectionType[];
    readonly mayChange: (section: ConnectionSection) => boolean;
    readonly changesTargets: boolean;
    readonly choices: Choices | undefined;
  }
> = ({ reader, views, types, mayChange, changesTargets, choices }) => {
  const { text } = reader;
  const words = text.connections;
  return (
    <>
      <h1>{words.title}</h1>
      <p class="muted">{words.intro}</p>
      {choices ? <FirstSteps reader={reader} choices={choices} /> : null}
      {shownSections.map((section) => {
        const own = views.filter((one) => one.section === section);
        const add = mayChange(section) ? (
          <a class="button" href={newPath(section)}>
            {words.add[section]}
          </a>
        ) : null;
        return (
          <Panel id={section} title={words.sections[section]} aside={add}>
            <p class="muted">{words.about[section]}</p>
            {own.length === 0 ? (
              <Empty>{words.none[section]}</Empty>
            ) : (
              <ul class="rows">
                {own.map((view) => (
                  <Row reader={reader} view={view} title={kindTitle(reader, view, types)} />
                ))}
              </ul>
            )}
            {section === 'deployers' && !mayChange(section) ? (
              <p class="hint">
                <Told>{changesTargets ? words.targetsAdmin : words.targetsOff}</Told>
              </p>
            ) : null}
          </Panel>
        );
      })}
      <p class="hint">{words.onlyFile}</p>
    </>
  );
};

const Row: FC<Made & { readonly view: ConnectionView; readonly title: string }> = ({ reader, view, title }) => {
  const words = reader.text.connections;
  return (
    <li>
      <div class="row-head">
        <a class="name" href={connectionPath(view.section, view.name)}>
          <Foreign>{view.name}</Foreign>
        </a>
        <Foreign>{title}</Foreign>
        {view.refused === undefined ? null : <Badge look="bad">{reader.text.settings.results.refused}</Badge>}
        <span class="muted">{view.declaredIn === 'file' ? words.inFile : words.inStore}</span>
      </div>
      {view.refused === undefined ? null : (
        <p class="problem">
          <Told>{inLanguage(view.refused, reader.language)}</Told>
        </p>
      )}
      <p class="muted">
        {words.usedBy}
        {reader.text.colon}
        <Users reader={reader} view={view} />
      </p>
    </li>
  );
};

/** Which certificates and other connections need it. */
export const Users: FC<Made & { readonly view: ConnectionView }> = ({ reader, view }) => {
  const words = reader.text.connections;
  const { certificates, certificateCount, usedBy } = view;
  const links = [
    ...usedBy.map(({ section, name }) => ({ href: connectionPath(section, name), name })),
    ...certificates.map((name) => ({ href: pathOf(name), name })),
  ];
  if (links.length === 0) return <>{words.unused}</>;
  const more = certificateCount - certificates.length;
  return (
    <>
      {links.map(({ href, name }, at) => (
        <>
          {at === 0 ? '' : ', '}
          <a href={href}>
            <Foreign>{name}</Foreign>
          </a>
        </>
      ))}{' '}
      {more > 0 ? words.moreUsers(more) : null}
    </>
  );
};
