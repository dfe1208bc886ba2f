// The contacts of an account at a CA (RFC 8555 §7.3) are URLs; people write addresses.

/** Whether this is a bare address, without `mailto:`. */
export const isAddress = (text: string): boolean => /^[^\s@,;:?]+@[^\s@,;:?]+$/.test(text);

export const contactOf = (address: string): string => `mailto:${address}`;

/** A contact that is no e-mail address stays as it is. */
export const addressOf = (contact: string): string => contact.replace(/^mailto:/, '');
