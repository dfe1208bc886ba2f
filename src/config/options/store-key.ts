/**
 * Reports whether a text names the place of a store key: `file:/path`, `env:NAME`, or `credential:NAME` of systemd. It
 * is never the key itself.
 */
export const isKeyReference = (text: string): boolean =>
  /^(file:\/.|env:[A-Za-z_]\w*$|credential:[A-Za-z0-9_][\w.-]*$)/.test(text);
