/**
 * Sign-in: one attempt at proving who one is. What is proven is a set of factors; what is still
 * needed follows from it and from the kind of account, never from the address in the browser.
 *
 * Promises: `nextStep` is pure; `amr` and `acr` say what really happened (RFC 8176, RFC 9470).
 */

export type Factor = 'password';

export type Step =
  | { readonly kind: 'password' }
  | { readonly kind: 'second-factor-missing' }
  | { readonly kind: 'done'; readonly amr: readonly string[]; readonly acr: string };

export const ACR_ONE_FACTOR = 'urn:latchkey:acr:1';

/**
 * The next step of an attempt. Staff never get in on one factor: an account that can edit a
 * shop must not hang on one password (PCI DSS 8.4, OWASP ASVS 6.3.3).
 */
export function nextStep(attempt: {
  readonly accountKind: 'shopper' | 'staff';
  readonly proven: readonly Factor[];
}): Step {
  if (!attempt.proven.includes('password')) return { kind: 'password' };
  if (attempt.accountKind === 'staff') return { kind: 'second-factor-missing' };
  return { kind: 'done', amr: ['pwd'], acr: ACR_ONE_FACTOR };
}
