const escaped = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');

/** An answer in the API's other format: an array repeats its element. */
export function toXml(root: string, value: unknown): string {
  return `<?xml version='1.0' encoding='UTF-8'?>${element(root, value)}`;
}

function element(name: string, value: unknown): string {
  if (Array.isArray(value)) return value.map((item) => element(name, item)).join('');
  const content =
    typeof value === 'object' && value !== null
      ? Object.entries(value)
          .map(([key, inner]) => element(key, inner))
          .join('')
      : escaped(String(value));
  return `<${name}>${content}</${name}>`;
}
