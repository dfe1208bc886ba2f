/**
 * Reports whether a flag belongs to a DNS plugin of certbot, also with the prefix that older third-party plugins need.
 */
export const isOfDnsPlugin = (flag: string): boolean => /^--(certbot-[a-z0-9-]+:)?dns-/.test(flag);

/** Reports whether a flag is one like `--dns-cloudflare`. The other flags of a plugin have a value. */
export const isChoice = (flag: string): boolean => /^--dns-[a-z0-9]+$/.test(flag);

/** Reports whether the value of a flag may be a secret of a DNS plugin. */
export const mayBeSecret = (flag: string): boolean =>
  isOfDnsPlugin(flag) && !isChoice(flag) && !/-(credentials|propagation-seconds)$/.test(flag);

/** Reports whether a key in a renewal file belongs to a plugin. */
export const isKeyOfPlugin = (key: string): boolean => /^(\w+:)?dns_\w+$|^(nginx|apache|standalone)_\w+$/.test(key);
