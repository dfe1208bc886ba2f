/** Returns a name with its international labels (xn--…) in their own letters. A label that is none stays as it is. */
export const lettersOf = (names: string): string =>
  names.replace(/\bxn--([a-z0-9-]+)/g, (label, encoded: string) => decoded(encoded) ?? label);

/** Returns a name followed by its own letters in brackets, if it has others than those of ASCII. */
export function withLetters(name: string): string {
  const letters = lettersOf(name);
  return letters === name ? name : `${name} (${letters})`;
}

// Punycode (RFC 3492 §5) with the parameters of IDNA.
const [base, least, most, skew, damping] = [36, 1, 26, 38, 700];

/** Decodes the part of a label after `xn--`, or returns undefined if that has no meaning. */
function decoded(encoded: string): string | undefined {
  const dash = encoded.lastIndexOf('-');
  const points = Array.from(encoded.slice(0, Math.max(0, dash)), (letter) => letter.charCodeAt(0));
  let [point, at, bias] = [0x80, 0, 72];
  for (let next = dash + 1; next < encoded.length; ) {
    const before = at;
    for (let [weight, k] = [1, base]; ; k += base) {
      const digit = Number.parseInt(encoded[next++] ?? '', base);
      if (Number.isNaN(digit)) return undefined;
      // Here the digits are a to z, then 0 to 9.
      const value = digit < 10 ? digit + 26 : digit - 10;
      at += value * weight;
      const threshold = Math.min(most, Math.max(least, k - bias));
      if (value < threshold) break;
      weight *= base - threshold;
    }
    const count = points.length + 1;
    bias = adapted(at - before, count, before === 0);
    point += Math.floor(at / count);
    at %= count;
    if (point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff)) return undefined;
    points.splice(at++, 0, point);
  }
  const letters = String.fromCodePoint(...points);
  // Nothing invisible, as IDNA forbids it.
  return points.some((one) => one >= 0x80) && /^[\p{L}\p{M}\p{N}-]+$/u.test(letters) ? letters : undefined;
}

function adapted(distance: number, count: number, isFirst: boolean): number {
  let delta = Math.floor(distance / (isFirst ? damping : 2));
  delta += Math.floor(delta / count);
  let k = 0;
  for (; delta > ((base - least) * most) / 2; k += base) delta = Math.floor(delta / (base - least));
  return k + Math.floor(((base - least + 1) * delta) / (delta + skew));
}
