// An account's contacts at a CA (RFC 8555 §7.3) are URLs; people write addresses.

/** Reports whether this is a bare address, without `mailto:`. */
export const isAddress = (text: string): boolean => /^[^\s@,;:?]+@[^\s@,;:?]+$/.test(text);

export const contactOf = (address: string): string => `mailto:${address}`;

/** Returns a contact's e-mail address; any other contact is returned unchanged. */
export const addressOf = (contact: string): string => contact.replace(/^mailto:/, '');
