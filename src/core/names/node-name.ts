const form = /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/;

/** Follows words such as `expected`. */
export const nodeNameRule = 'a name of 1 to 100 of A-Z a-z 0-9 . _ - that begins with a letter or digit';

/** Reports whether a text can be the name of a node. It becomes part of a path. */
export const isNodeName = (text: string): boolean => form.test(text);

/** Turns a host name into the name of a node. */
export function nodeNameOf(hostName: string): string {
  const name = hostName.replaceAll(/[^A-Za-z0-9._-]/g, '-').replace(/^[._-]+/, '');
  return name === '' ? 'node' : name.slice(0, 100);
}
