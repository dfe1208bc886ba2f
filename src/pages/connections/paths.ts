import { type ConnectionSection, connectionSections } from '../../core/spec/connection.ts';

export const isSection = (text: string | undefined): text is ConnectionSection =>
  connectionSections.some((one) => one === text);

export const connectionPath = (section: ConnectionSection, name: string, below = ''): string =>
  `/connections/${section}/${encodeURIComponent(name)}${below === '' ? '' : `/${below}`}`;

export const newPath = (
  section?: ConnectionSection,
  more: Readonly<Record<string, string | undefined>> = {},
): string => {
  const given = Object.entries({ section, ...more }).filter(([, value]) => Boolean(value));
  return `/connections/new${given.length === 0 ? '' : `?${new URLSearchParams(given as [string, string][])}`}`;
};
