/**
 * Whether a short code (six digits, say) is legible in a text that is also full of identifiers,
 * digests and times. Random hexadecimal holds any six digits sooner or later, and so do
 * microseconds; a code that leaked stands by itself, whole or in two groups of three.
 *
 * @param text what was written: log lines, rows as text
 * @param code letters and digits only
 */
export function isLegible(text: string, code: string): boolean {
  const half = code.length / 2;
  const written = `${code.slice(0, half)}[ -]?${code.slice(half)}`;
  return new RegExp(`(?<![\\w.+/-])${written}(?![\\w+/=-])`, 'i').test(text);
}
