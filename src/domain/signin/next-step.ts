/**
 * What an attempt still needs. Pure: everything it depends on is in the situation, so that every
 * rule about factors can be read, and tested, in one place.
 */

import {
  ACR_ONE_FACTOR,
  ACR_PHISHING_RESISTANT,
  ACR_TWO_FACTORS,
  ACR_VALUES,
  type Acr,
} from '../../kernel/acr.js';

/** What can be proven on the way in. */
export type Factor = 'password' | 'email-code' | 'totp' | 'recovery-code' | 'passkey';

/** A factor, and the second in which it was proven. */
export type Proof = { readonly factor: Factor; readonly at: number };

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
  readonly hasPasskey: boolean;
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
  | {
      readonly kind: 'totp';
      readonly recoveryCodeAccepted: boolean;
      readonly passkeyAccepted: boolean;
    }
  /** Nothing but a passkey will do. */
  | { readonly kind: 'passkey' }
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
 *
 * A passkey is both factors at once: the device, and what opens it (multi-factor cryptographic
 * authenticator, NIST SP 800-63B 3.1.7). So it is enough by itself, for staff too, and stands in
 * for a code. For shoppers it is another way in and takes none away: having one does not make the
 * password ask for more, or whoever is at another device could not get in.
 *
 * A code by e-mail stands in for the password and for nothing else: whoever reads the mail can
 * choose a new password with it, so it is worth as much, and it is no second factor beside one.
 */
export function nextStep(situation: Situation): Step {
  const { accountKind, proven } = situation;
  const password = latest(proven, ['password']);
  const letter = latest(proven, ['email-code']);
  const passkey = latest(proven, ['passkey']);
  const code = latest(proven, ['totp', 'recovery-code']);
  const [first] = [passkey, password, letter].filter((proof) => proof !== undefined);
  if (!first) return { kind: 'password' };

  const requiredAcr = situation.requiredAcr ?? ACR_ONE_FACTOR;
  // A code can be relayed by a look-alike page, so it does not bring anybody there.
  if (requiredAcr === ACR_PHISHING_RESISTANT && !passkey) {
    return situation.hasPasskey ? { kind: 'passkey' } : { kind: 'unreachable', requiredAcr };
  }
  const needed =
    accountKind === 'staff' ||
    // Being remembered proves nothing, so it cannot be passed off as a second factor.
    requiredAcr === ACR_TWO_FACTORS ||
    (situation.hasTotp && !situation.deviceRemembered);
  if (needed && !passkey && !code) {
    const { hasPasskey: passkeyAccepted } = situation;
    if (situation.hasTotp) {
      const recoveryCodeAccepted = situation.recoveryCodesLeft > 0;
      return { kind: 'totp', recoveryCodeAccepted, passkeyAccepted };
    }
    // Else a thief of the password could set an app up beside the owner's passkey.
    if (passkeyAccepted) return { kind: 'passkey' };
    if (situation.mayEnrol) return { kind: 'enrol-totp' };
    return { kind: 'unreachable', requiredAcr: ACR_TWO_FACTORS };
  }
  if (situation.codesToShow) return { kind: 'show-recovery-codes' };

  const proofs = [password, letter, code, passkey].filter((proof) => proof !== undefined);
  return {
    kind: 'done',
    ...whatHappened({ password, letter, code, passkey }),
    provenAt: Math.min(...proofs.map(({ at }) => at)),
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
 *
 * A passkey is `pop`: a key was used, and without attestation nobody here knows whether hardware
 * keeps it (`hwk`) or software (`swk`); "pop" leaves that open (OpenID Connect EAP ACR Values 1.0).
 * `user`: the device asked somebody to be there. `mfa`: it also verified who, which is always
 * asked for and signed; not by what means, so neither `pin` nor `fpt` would be true. The class is
 * phishing-resistant, because the device signs for our origin and for no other.
 *
 * A code by e-mail is `otp`, too: it works once, wherever it came from. There is no word for the
 * mailbox. `mca` (more than one channel) is left out, because mail and page are often read in the
 * same browser; and `mfa` takes an app or a sheet beside it.
 */
function whatHappened(by: {
  password: Proof | undefined;
  letter: Proof | undefined;
  code: Proof | undefined;
  passkey: Proof | undefined;
}): {
  amr: readonly string[];
  acr: Acr;
} {
  const amr = [
    ...(by.password ? ['pwd'] : []),
    ...(by.letter || by.code ? ['otp'] : []),
    ...(by.passkey ? ['pop', 'user'] : []),
  ];
  if (by.passkey) return { amr: [...amr, 'mfa'], acr: ACR_PHISHING_RESISTANT };
  return by.code ? { amr: [...amr, 'mfa'], acr: ACR_TWO_FACTORS } : { amr, acr: ACR_ONE_FACTOR };
}
