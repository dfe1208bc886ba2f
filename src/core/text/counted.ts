/** Returns `1 certificate`, `2 certificates`. */
export const counted = (number: number, what: string): string => `${number} ${what}${number === 1 ? '' : 's'}`;
