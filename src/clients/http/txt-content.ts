/**
 * Converts TXT data to the form in a zone file (RFC 1035 §5.1), which many APIs use: `"text"`, or several such strings
 * for a text of more than 255 octets. Other data of several strings, or with escapes, stays as it is in both
 * directions, so that what others wrote is written back unchanged.
 */
export const toTxtContent = (value: string): string =>
  value.startsWith('"') ? value : (value.match(new RegExp(`.{1,${longest}}`, 'gs')) ?? ['']).map(inQuotes).join(' ');

export function fromTxtContent(content: string): string {
  if (!/^"[^"\\]*"( "[^"\\]*")*$/.test(content)) return content;
  const value = content.slice(1, -1).replaceAll('" "', '');
  return toTxtContent(value) === content ? value : content;
}

/** The limit of one string in octets. certfleet's own values are ASCII. */
const longest = 255;

const inQuotes = (text: string): string => `"${text}"`;
