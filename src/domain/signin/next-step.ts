/**
 * What an attempt still needs. Pure: everything it depends on is in the situation, so that every
 * rule about factors can be read, and tested, in one place.
 */

/** What can be proven on the way in. */
export type Factor = 'password' | 'totp' | 'recovery-code';

/** A factor, and the second in which it was proven. */
export type Proof = { readonly factor: Factor; readonly at: number };

export const ACR_ONE_FACTOR = 'urn:latchkey:acr:1';
export const ACR_TWO_FACTORS = 'urn:latchkey:acr:2';
export const ACR_PHISHING_RESISTANT = 'urn:latchkey:acr:phr';

/** How a log-in may have been, from weak to strong (RFC 9470 section 3). */
export const ACR_VALUES = [ACR_ONE_FACTOR, ACR_TWO_FACTORS, ACR_PHISHING_RESISTANT] as const;

export type Acr = (typeof ACR_VALUES)[number];

/** Whether a requested value is one that can be had here at all. */
export function isAcr(value: string): value is Acr {
  return ACR_VALUES.some((acr) => acr === value);
}

/** Whether a log-in of class `reached` is good enough for `required`. */
export function satisfies(reached: Acr, required: Acr): boolean {
  return ACR_VALUES.indexOf(reached) >= ACR_VALUES.indexOf(required);
}

export type Situation = {
  readonly accountKind: 'shopper' | 'staff';
  readonly proven: readonly Proof[];
  /** An authenticator app has been confirmed. */
  readonly hasTotp: boolean;
  readonly recoveryCodesLeft: number;
  /** Whether an app may be enrolled here and now, on the strength of the password alone. */
  readonly mayEnrol: boolean;
  /** This browser was told to be remembered after an earlier second factor, and still is. */
  readonly deviceRemembered: boolean;
  /** New recovery codes are waiting to be seen. */
  readonly codesToShow: boolean;
  /** What the request or the resource asks for. */
  readonly requiredAcr?: Acr | undefined;
};

export type Step =
  | { readonly kind: 'password' }
  | { readonly kind: 'totp'; readonly recoveryCodeAccepted: boolean }
  | { readonly kind: 'enrol-totp' }
  | { readonly kind: 'show-recovery-codes' }
  /** This account cannot become what is asked for: `unmet_authentication_requirements`. */
  | { readonly kind: 'unreachable'; readonly requiredAcr: Acr }
  | {
      readonly kind: 'done';
      readonly amr: readonly string[];
      readonly acr: Acr;
      /** The oldest proof this rests on: `auth_time` must not promise more (OIDC Core 2). */
      readonly provenAt: number;
    };

/**
 * The next step of an attempt. Staff never get in on one factor: an account that can edit a
 * shop must not hang on one password (PCI DSS 8.4, OWASP ASVS 6.3.3). Nothing about the second
 * factor shows before the password is right.
 */
export function nextStep(situation: Situation): Step {
  const { accountKind, proven } = situation;
  const password = latest(proven, ['password']);
  if (!password) return { kind: 'password' };

  const requiredAcr = situation.requiredAcr ?? ACR_ONE_FACTOR;
  // Nothing here resists a look-alike page yet, so nobody is asked for more in vain.
  if (requiredAcr === ACR_PHISHING_RESISTANT) return { kind: 'unreachable', requiredAcr };

  const second = latest(proven, ['totp', 'recovery-code']);
  const needed =
    accountKind === 'staff' ||
    // Being remembered proves nothing, so it cannot be passed off as a second factor.
    requiredAcr === ACR_TWO_FACTORS ||
    (situation.hasTotp && !situation.deviceRemembered);
  if (needed && !second) {
    if (situation.hasTotp) {
      return { kind: 'totp', recoveryCodeAccepted: situation.recoveryCodesLeft > 0 };
    }
    if (situation.mayEnrol) return { kind: 'enrol-totp' };
    return { kind: 'unreachable', requiredAcr: ACR_TWO_FACTORS };
  }
  if (situation.codesToShow) return { kind: 'show-recovery-codes' };

  return {
    kind: 'done',
    ...whatHappened(second !== undefined),
    provenAt: Math.min(password.at, second?.at ?? password.at),
  };
}

function latest(proofs: readonly Proof[], factors: readonly Factor[]): Proof | undefined {
  return proofs
    .filter(({ factor }) => factors.includes(factor))
    .reduce<Proof | undefined>(
      (best, proof) => (best && best.at > proof.at ? best : proof),
      undefined,
    );
}

/**
 * The truth in the registry's words (RFC 8176 section 2). A recovery code is `otp`: a password
 * that is used only once is what RFC 4949 calls a one-time password, and a sheet of them is
 * "something you have" (look-up secrets, NIST SP 800-63B 3.1.2), so `mfa` is true as well. It is
 * not `kba`, which is what a person knows about their own life. A remembered device has no word,
 * because it proves nothing: such a log-in is `pwd` and class 1.
 */
function whatHappened(twoFactors: boolean): { amr: readonly string[]; acr: Acr } {
  return twoFactors
    ? { amr: ['pwd', 'otp', 'mfa'], acr: ACR_TWO_FACTORS }
    : { amr: ['pwd'], acr: ACR_ONE_FACTOR };
}
