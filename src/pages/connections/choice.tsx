import type { FC } from 'hono/jsx';
import { knownIssuers } from '../../core/ca/known-issuers.ts';
import type { ConnectionSection, ConnectionType } from '../../core/spec/connection.ts';
import { Empty, Foreign, type Made } from '../parts.tsx';
import { adapterTitle } from '../text/adapters.ts';
import { newPath } from './paths.ts';

/** Asks which part of the configuration is to have one more. */
export const ChooseSection: FC<Made & { readonly sections: readonly ConnectionSection[] }> = ({
  reader: { text },
  sections,
}) => {
  const words = text.connections;
  return (
    <div class="ask">
      <h1>{words.chooseSection}</h1>
      <ul class="choices">
        {sections.map((section) => (
          <li>
            <a href={newPath(section)}>{words.sections[section]}</a>
            <span class="muted">{words.about[section]}</span>
          </li>
        ))}
      </ul>
    </div>
  );
};

/** Asks which adapter, or which CA. */
export const ChooseKind: FC<
  Made & { readonly section: ConnectionSection; readonly types: readonly ConnectionType[] }
> = ({ reader, section, types }) => {
  const words = reader.text.connections;
  const [overDns, others] = [
    types.filter(({ provider }) => provider !== undefined),
    types.filter(({ provider }) => provider === undefined),
  ];
  return (
    <>
      <h1>{words.chooseKind[section]}</h1>
      {types.length === 0 ? <Empty>{words.nothingOffered}</Empty> : null}
      {section === 'issuers' ? (
        <Cas reader={reader} types={types} />
      ) : (
        <>
          {overDns.length > 0 ? <h2 class="after-tabs">{words.overDns}</h2> : null}
          <Kinds reader={reader} types={overDns} />
          {overDns.length > 0 && others.length > 0 ? <h2 class="after-tabs">{words.otherProofs}</h2> : null}
          <Kinds reader={reader} types={others} />
        </>
      )}
      <p>
        <a href="/connections">{words.back}</a>
      </p>
    </>
  );
};

const Kinds: FC<Made & { readonly types: readonly ConnectionType[] }> = ({ reader: { language }, types }) => {
  const { compare } = new Intl.Collator(language);
  const kinds = types.map(({ section, type, provider, title }) => ({
    path: newPath(section, { type, provider }),
    title: adapterTitle(title, language),
  }));
  return kinds.length === 0 ? null : (
    <ul class="choices many">
      {kinds
        .sort((a, b) => compare(a.title, b.title))
        .map(({ path, title }) => (
          <li>
            <a href={path}>
              <Foreign>{title}</Foreign>
            </a>
          </li>
        ))}
    </ul>
  );
};

/** The CAs that have a short name, those first that need no account. */
const Cas: FC<Made & { readonly types: readonly ConnectionType[] }> = ({ reader, types: [kind] }) => {
  const words = reader.text.connections;
  if (!kind) return null;
  const known = Object.entries(knownIssuers).sort(
    ([, a], [, b]) => Number(a.needsAccountBinding) - Number(b.needsAccountBinding),
  );
  return (
    <ul class="choices">
      {known.map(([directory, { title, needsAccountBinding }]) => (
        <li>
          <a href={newPath('issuers', { type: kind.type, directory })}>
            <Foreign>{adapterTitle(title, reader.language)}</Foreign>
          </a>
          <span class="muted">{needsAccountBinding ? words.bound : words.free}</span>
        </li>
      ))}
      <li>
        <a href={newPath('issuers', { type: kind.type })}>{words.anotherCa}</a>
      </li>
    </ul>
  );
};
