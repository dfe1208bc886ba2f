/** A flag of a DNS plugin of certbot, also with the prefix that older third-party plugins need. */
export const isOfDnsPlugin = (flag: string): boolean => /^--(certbot-[a-z0-9-]+:)?dns-/.test(flag);

/** `--dns-cloudflare` alone; the other flags of a plugin have a value. */
export const isChoice = (flag: string): boolean => /^--dns-[a-z0-9]+$/.test(flag);

/** Whether the value of a flag may be a secret of a DNS plugin. */
export const mayBeSecret = (flag: string): boolean =>
  isOfDnsPlugin(flag) && !isChoice(flag) && !/-(credentials|propagation-seconds)$/.test(flag);

/** Its key in a renewal file. */
export const isKeyOfPlugin = (key: string): boolean => /^(\w+:)?dns_\w+$|^(nginx|apache|standalone)_\w+$/.test(key);
