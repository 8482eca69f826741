/**
 * Names that would be taken for one another. A stranger's client says on the consent page what it
 * is called, and must not be able to call itself what the shop is called: neither with letters of
 * another script that look the same (UTS 39 section 4, a selection: the scripts with twins of
 * Latin letters), nor with blanks, dots and marks that are easily overlooked.
 */

/** Cyrillic, Greek and Armenian letters, and digits, by the Latin letter they are read as. */
const TWINS: ReadonlyMap<string, string> = new Map(
  Object.entries({
    a: 'аα',
    b: 'вβ',
    c: 'сϲ',
    d: 'ԁ',
    e: 'еєε',
    g: 'ɡց',
    h: 'һнη',
    i: 'іıι1lӏ|',
    j: 'јϳ',
    k: 'кκ',
    m: 'мμ',
    n: 'пոռ',
    o: 'оοօ0',
    p: 'рρ',
    q: 'ԛ',
    r: 'гɾ',
    s: 'ѕ5',
    t: 'тτ',
    u: 'սυц',
    v: 'ѵν',
    w: 'ԝωш',
    x: 'хχ',
    y: 'уγ',
    z: 'ʐ2ζ',
  }).flatMap(([latin, twins]) => [...twins].map((twin) => [twin, latin] as const)),
);

/** What somebody who reads in haste sees of a name; equal for names that look alike. */
export function looksLike(name: string): string {
  const plain = name.normalize('NFKD').replace(/\p{M}/gu, '').toLowerCase().normalize('NFKC');
  return [...plain]
    .map((letter) => TWINS.get(letter) ?? letter)
    .filter((letter) => /[\p{L}\p{N}]/u.test(letter))
    .join('')
    .replaceAll('rn', 'm')
    .replaceAll('vv', 'w');
}

/** Why a client that nobody has looked at may not have this name; undefined when it may. */
export function nameFault(name: string, taken: readonly string[]): string | undefined {
  // Invisible letters and those that turn the direction of the text around them.
  if (/\p{Cf}|\p{Zl}|\p{Zp}/u.test(name)) return 'must not hold invisible characters';
  const seen = looksLike(name);
  if (seen === '') return 'must hold letters or digits';
  const mixes = name
    .split(/[^\p{L}\p{M}\p{N}]+/u)
    .some(
      (word) =>
        /\p{Script=Latin}/u.test(word) && /[\p{Script=Cyrillic}\p{Script=Greek}]/u.test(word),
    );
  if (mixes) return 'must not mix scripts within a word';
  return taken.some((other) => looksLike(other) === seen)
    ? 'is that of one of the shop’s own clients, or looks like it'
    : undefined;
}
