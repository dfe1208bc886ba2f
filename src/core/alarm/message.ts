import { cut, remoteText } from '../errors/remote-text.ts';
import type { Alarm, AlarmChange, AlarmKind, AlarmNews, MoreAlarms } from './alarm.ts';

/** A message for people, as plain text. */
export interface Message {
  /** One line: the subject of an e-mail. */
  readonly title: string;
  /** Without the title. Each alarm is a paragraph. */
  readonly text: string;
}

/** How long a message may be. */
export interface Room {
  readonly title: number;
  /** For title and text together, with the two line breaks between them. */
  readonly most: number;
  /** Measures a text as the service does, with what the adapter will escape; by default, UTF-16 code units. */
  readonly sizeOf?: (text: string) => number;
}

/** What an alarm of each kind says of a certificate, or of several. */
const words: Readonly<Record<AlarmKind, string>> = {
  failing: 'it cannot be renewed',
  expiring: 'it expires soon',
  target: 'it cannot be delivered',
  endpoint: 'a wrong certificate is served',
  paused: 'the CA has paused its orders',
  'ca-incident': 'the CA wants it replaced',
  limited: 'it waits for a rate limit',
  configuration: 'the configuration was refused',
  'node-missing': 'a node is missing',
  store: 'the store cannot be used',
};

const heads: Readonly<Record<AlarmChange, string>> = { opened: 'New', repeated: 'Still', resolved: 'Resolved' };

const changes: readonly AlarmChange[] = ['opened', 'repeated', 'resolved'];

/** A sentence longer than this hides what stands below it. */
const longestSentence = 1_000;
const longestName = 100;

/**
 * Says what has become of alarms, in plain English. Where there is no room, whole alarms are left out from the end, and
 * counted. The result has no control characters, but its texts may contain what a service takes for markup.
 */
export function messageOf(news: AlarmNews, { title: longestTitle, most, sizeOf = lengthOf }: Room): Message {
  const title = cut(titleOf(news), longestTitle);
  const sign = `certfleet on ${named(news.node)}, ${timeText(news.at)}`;
  const listed = changes.flatMap((change) => news[change].map((alarm) => paragraphOf(alarm, change)));
  const all = news.isTest ? [testText] : [...listed, ...news.more.map(moreText)];
  const fits = (paragraphs: readonly string[]) => sizeOf(`${title}\n\n${textOf(paragraphs)}`) <= most;
  const textOf = (paragraphs: readonly string[]) => [...paragraphs, sign].join('\n\n');
  if (fits(all)) return { title, text: textOf(all) };
  const first = (count: number) => [...all.slice(0, count), leftOut(all.length - count)];
  let [kept, tooMany] = [0, all.length];
  while (tooMany - kept > 1) {
    const middle = Math.floor((kept + tooMany) / 2);
    if (fits(first(middle))) kept = middle;
    else tooMany = middle;
  }
  if (kept > 0) return { title, text: textOf(first(kept)) };
  const rest = all.length > 1 ? [leftOut(all.length - 1)] : [];
  const only = all[0] ?? '';
  for (let length = only.length; length > 0; length = Math.floor(length * 0.8)) {
    const some = [cut(only, length), ...rest];
    if (fits(some)) return { title, text: textOf(some) };
  }
  return { title, text: textOf(rest) };
}

const testText =
  'This is a test: alarms of certfleet will arrive here. There is nothing to do. `certfleet status` shows all certificates.';

const lengthOf = (text: string): number => text.length;

const named = (name: string): string => remoteText(name, longestName);

function titleOf(news: AlarmNews): string {
  if (news.isTest) return 'certfleet: a test of alarms';
  const counts = changes.map((change) => {
    const more = news.more.filter((one) => one.change === change).reduce((sum, { count }) => sum + count, 0);
    return { change, count: news[change].length + more };
  });
  const total = counts.reduce((sum, { count }) => sum + count, 0);
  const [only, change] = changes.flatMap((one) => news[one].map((alarm) => [alarm, one] as const))[0] ?? [];
  if (total === 1 && only && change)
    return `certfleet: ${change === 'opened' ? '' : `${heads[change]}: `}${aboutOf(only)}`;
  const parts = counts.filter(({ count }) => count > 0).map(({ change, count }) => `${count} ${countWords[change]}`);
  return `certfleet: ${parts.length === 0 ? 'nothing new' : `${parts.join(', ')} (alarms)`}`;
}

const countWords: Readonly<Record<AlarmChange, string>> = {
  opened: 'new',
  repeated: 'still open',
  resolved: 'resolved',
};

/** What it concerns, and its kind: `www.example.com: it cannot be renewed`. */
function aboutOf({ certificate, node, kind }: Alarm): string {
  const what = certificate ?? node;
  return what === undefined ? words[kind] : `${named(what)}: ${words[kind]}`;
}

function paragraphOf(alarm: Alarm, change: AlarmChange): string {
  const { message, hint, since, code, url } = alarm;
  const lines = [`${heads[change]}: ${aboutOf(alarm)}`, sentence(message)];
  if (change !== 'resolved') {
    if (hint !== '') lines.push(`What to do: ${sentence(hint)}`);
    if (url !== undefined) lines.push(`Page: ${remoteText(url, longestSentence)}`);
  }
  const explained = code === undefined || change === 'resolved' ? '' : `; certfleet explain ${remoteText(code, 60)}`;
  return [...lines, `Since ${timeText(since)}${explained}`].join('\n');
}

function moreText({ kind, change, count, certificates }: MoreAlarms): string {
  const some = certificates.slice(0, 5).map(named);
  const rest = count - some.length;
  const names = some.length === 0 ? '' : `\n${some.join(', ')}${rest > 0 ? ` and ${rest} more` : ''}`;
  return `${heads[change]}: ${count} × ${words[kind]}${names}`;
}

const leftOut = (count: number): string => `${count} more did not fit here; certfleet status shows all certificates.`;

/** A sentence with its times in the form of the message. */
const sentence = (text: string): string =>
  remoteText(text.replaceAll(/\b\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d+)?Z/g, timeText), longestSentence);

/** `2026-11-29 10:00 UTC`, or the text itself if it is no time. */
const timeText = (at: string): string => {
  const [, day, minute] = /^(\d{4}-\d{2}-\d{2})T(\d{2}:\d{2})(?::\d{2}(?:\.\d+)?)?Z$/.exec(at) ?? [];
  return day === undefined ? remoteText(at, 40) : `${day} ${minute} UTC`;
};

const encoder = new TextEncoder();

/** The size of a text in bytes of UTF-8, which some services count. */
export const bytesOf = (text: string): number => encoder.encode(text).length;
