/**
 * Text that PostgreSQL keeps: neither `text` nor `jsonb` holds U+0000, and no UTF-8 is made of half
 * a surrogate pair. JSON can write both (RFC 8259 sections 7 and 8.2), so they come from strangers.
 */

// biome-ignore lint/suspicious/noControlCharactersInRegex: the very character that is meant
const UNSTORABLE = /\u0000|\p{Cs}/u;

export const isStorableText = (text: string): boolean => !UNSTORABLE.test(text);

/** Whether every text in a JSON value can be kept, names of members included. */
export function isStorable(value: unknown): boolean {
  if (typeof value === 'string') return isStorableText(value);
  if (typeof value !== 'object' || value === null) return true;
  return Object.entries(value).every(
    ([name, member]) => isStorableText(name) && isStorable(member),
  );
}
