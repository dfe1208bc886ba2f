/**
 * TXT data as it stands in a zone file (RFC 1035 §5.1), which many APIs use: `"text"`. Data of several strings, or with
 * escapes, stays as it is in both directions, so that what others wrote is written back unchanged.
 */
export const toTxtContent = (value: string): string => (value.startsWith('"') ? value : `"${value}"`);

export const fromTxtContent = (content: string): string => /^"([^"\\]*)"$/.exec(content)?.[1] ?? content;
