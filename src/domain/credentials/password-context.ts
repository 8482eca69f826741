/**
 * Words that a guesser tries first because they are about this person or this shop: e-mail
 * address, name, shop name (OWASP ASVS 6.2.11, NIST SP 800-63B section 3.1.1.2). They are found
 * however they are dressed up: case, accents, dots between the letters, digits for letters.
 */

export type PasswordContext = {
  readonly email?: string | undefined;
  readonly name?: string | undefined;
  /** What the shop calls itself, in each of its storefronts. */
  readonly shops?: readonly string[] | undefined;
};

/** Shorter words are in too many good passphrases by chance. */
const MIN_WORD = 4;
/** Nobody's name is longer; what is would only cost time. */
const MAX_TEXT = 256;
/** Nor has a shop that many faces. */
const MAX_SHOPS = 8;

// Both sides are folded, so an ambiguous sign needs no guess: 1, i, l, ! and | become one.
const LOOKS_LIKE: Readonly<Record<string, string>> = {
  '4': 'a',
  '@': 'a',
  '8': 'b',
  '(': 'c',
  '3': 'e',
  '€': 'e',
  '6': 'g',
  '9': 'g',
  '1': 'i',
  '!': 'i',
  '|': 'i',
  l: 'i',
  '0': 'o',
  '5': 's',
  $: 's',
  '7': 't',
  '+': 't',
  '2': 'z',
};

/** A text as a guesser sees it: base letters in lower case, no marks, no separators, no leet. */
function fold(text: string): string {
  const plain = text.normalize('NFKD').toLowerCase();
  let folded = '';
  for (const char of plain) {
    const letter = LOOKS_LIKE[char] ?? char;
    if (/[\p{L}\p{N}]/u.test(letter)) folded += letter;
  }
  return folded;
}

/** The words of a context that a password must not contain, as they were written. */
export function contextWords(context: PasswordContext): readonly string[] {
  const { email = '', name = '', shops = [] } = context;
  const address = email.slice(0, MAX_TEXT);
  const at = address.lastIndexOf('@');
  const localPart = at > 0 ? address.slice(0, at) : address;
  const words = [
    address,
    localPart,
    // "ada.lovelace+shop": the names in it are as guessable as the whole.
    ...localPart.split(/[^\p{L}\p{N}\p{M}]+/u),
    name.slice(0, MAX_TEXT),
    ...name.slice(0, MAX_TEXT).split(/[^\p{L}\p{N}\p{M}]+/u),
    ...shops.slice(0, MAX_SHOPS).map((shop) => shop.slice(0, MAX_TEXT)),
  ];
  return [...new Set(words)].filter((word) => [...fold(word)].length >= MIN_WORD);
}

/** Whether the password contains one of the words, whatever they are dressed up as. */
export function containsWord(password: string, words: readonly string[]): boolean {
  const folded = fold(password);
  return words.some((word) => folded.includes(fold(word)));
}
