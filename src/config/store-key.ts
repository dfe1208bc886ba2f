/** Where a key of the store is: `file:/path`, `env:NAME`, or `credential:NAME` of systemd. Never the key itself. */
export const isKeyReference = (text: string): boolean =>
  /^(file:\/.|env:[A-Za-z_]\w*$|credential:[A-Za-z0-9_][\w.-]*$)/.test(text);
