/** The maximum length of a text from outside the program, which is shown on terminals and stored in small documents. */
export const longestRemoteText = 4_000;

/** The maximum length at which a message repeats what was typed. A longer text would hide the sentence around it. */
export const longestTypedText = 200;

// Control characters, invisible format characters (bidirectional ones too), lone surrogates, line separators.
export const unseen = /(?![\t\n])[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;
const controls = /[\p{Cc}\p{Zl}\p{Zp}]+/gu;

/**
 * Makes a text from a CA, a server, a program or a library fit to be shown and stored: on one line, at most `most`
 * characters, without characters that could control a terminal, reorder the text or hide in it, and without private
 * keys. A server may repeat any key that it got earlier. Every such text passes through here where it enters the program.
 */
export const remoteText = (text: string, most: number = longestRemoteText): string =>
  cut(harmless(withoutKeys(cut(text, 4 * most)).replace(controls, ' ')).trim(), most);

/** Like {@link remoteText}, but keeps line breaks and tabs: for a program's output. */
export const remoteLines = (text: string, most: number = longestRemoteText): string =>
  cut(harmless(withoutKeys(cut(text.replaceAll('\r\n', '\n'), 4 * most))), most);

const base64 = '[A-Za-z0-9+/=]';
/** The first characters of DER keys in base64: EC (PKCS#8, SEC1), Ed25519, RSA (PKCS#1, PKCS#8). */
const ofKeys = 'M(?:HcCAQEE|I[GH][A-Za-z0-9+/]AgE[AB]|C4CAQAwBQYDK2V|II[A-Za-z0-9+/]{3}IBA(?:AK|DAN))';
const keys = new RegExp(
  [
    // Line breaks may be gone or escaped, and the end may be cut off.
    '-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)',
    `LS0tLS1CRUdJTi${base64}+`, // PEM in base64
    `${ofKeys}${base64}+(?:(?:\\s|\\\\[nr])+${base64}{16,})*`,
  ].join('|'),
  'gs',
);
/** Replaces private keys, in PEM or base64. */
const withoutKeys = (text: string): string =>
  /PRIVATE KEY|LS0tLS1CRU|M(?:HcC|C4C|I[GHI])/.test(text) ? text.replace(keys, '***') : text;

/**
 * Keeps line breaks and tabs, and replaces every other character that {@link remoteText} removes. The result is never
 * shorter.
 */
export const harmless = (text: string): string =>
  /^[\t\n\x20-\x7e]*$/.test(text) ? text : text.replace(unseen, '\ufffd');

/** Returns the beginning of a text, at most `most` characters, with an ellipsis if it was shortened. */
export const cut = (text: string, most: number): string =>
  text.length <= most ? text : `${text.slice(0, most - 1).replace(/[\ud800-\udbff]$/, '')}…`;
