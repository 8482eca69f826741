/**
 * What a password must be (NIST SP 800-63B section 3.1.1.2): long enough, any characters, no
 * composition rules, never truncated.
 */

export const MIN_LENGTH = 12;
export const MAX_LENGTH = 128;
export const MAX_BYTES = 512;

/** The one form in which a password is hashed: the same keys give the same bytes everywhere. */
export function normalizePassword(password: string): string {
  return password.normalize('NFC');
}

/** Whether a password presented at log-in can be anybody's; what cannot is never hashed. */
export function isPlausible(password: string): boolean {
  const normal = normalizePassword(password);
  return (
    normal.length > 0 && lengthOf(normal) <= MAX_LENGTH && Buffer.byteLength(normal) <= MAX_BYTES
  );
}

/** Why a new password is refused, or `undefined` when it is good. */
export function passwordFault(password: string): 'too-short' | 'too-long' | undefined {
  const normal = normalizePassword(password);
  if (lengthOf(normal) < MIN_LENGTH) return 'too-short';
  return isPlausible(normal) ? undefined : 'too-long';
}

/** Characters as a person counts them: code points, not UTF-16 units. */
function lengthOf(text: string): number {
  // A string is never shorter in code points than half its length: no need to walk a megabyte.
  return text.length > 2 * MAX_BYTES ? text.length : [...text].length;
}
