/**
 * What a password must be (NIST SP 800-63B section 3.1.1.2): long enough, any characters, no
 * composition rules, never truncated. The faults that need more than its length are found in
 * `password-assessment.ts`.
 */

export const MIN_LENGTH = 12;
/** The least that a stricter or laxer setting may ask for (OWASP ASVS 6.2.1). */
export const MIN_LENGTH_FLOOR = 8;
export const MAX_LENGTH = 128;
export const MAX_BYTES = 512;

/** The one form in which a password is hashed: the same keys give the same bytes everywhere. */
export function normalizePassword(password: string): string {
  return password.normalize('NFC');
}

/** Whether a password presented at log-in can be anybody's; what cannot is never hashed. */
export function isPlausible(password: string): boolean {
  if (isHuge(password)) return false;
  const normal = normalizePassword(password);
  return (
    normal.length > 0 && lengthOf(normal) <= MAX_LENGTH && Buffer.byteLength(normal) <= MAX_BYTES
  );
}

/** Why a new password is refused for its length, or `undefined` when that is good. */
export function passwordFault(
  password: string,
  minLength = MIN_LENGTH,
): 'too-short' | 'too-long' | undefined {
  if (isHuge(password)) return 'too-long';
  const normal = normalizePassword(password);
  if (lengthOf(normal) < minLength) return 'too-short';
  return isPlausible(normal) ? undefined : 'too-long';
}

/**
 * Composing makes one character of four at the very most (Unicode annex 15, expansion factors),
 * so beyond this no form of a text can be short enough: nobody makes us walk a megabyte.
 */
function isHuge(text: string): boolean {
  return text.length > 8 * MAX_BYTES;
}

/** Characters as a person counts them: code points, not UTF-16 units. */
function lengthOf(text: string): number {
  return [...text].length;
}
