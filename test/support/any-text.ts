import fc from 'fast-check';

const surrogates = { first: 0xd800, count: 0x800 };

/**
 * Any code point, as fast-check's unit `binary` draws it: that one first fills a table with all of them, which takes a
 * second of each process.
 */
export const codePoint = fc.nat(0x10ffff - surrogates.count).map(
  (index) => String.fromCodePoint(index < surrogates.first ? index : index + surrogates.count),
  (text) => {
    const point = typeof text === 'string' ? text.codePointAt(0) : undefined;
    if (point === undefined || text !== String.fromCodePoint(point)) throw new Error('not one code point');
    return point < surrogates.first ? point : point - surrogates.count;
  },
);

/** Like fast-check's `webUrl`, which needs that table too. */
export const webUrl = fc
  .tuple(fc.constantFrom('http', 'https'), fc.domain(), fc.array(fc.string({ unit: codePoint, maxLength: 10 })))
  .map(([scheme, host, path]) => `${scheme}://${host}${path.map((part) => `/${encodeURIComponent(part)}`).join('')}`);
