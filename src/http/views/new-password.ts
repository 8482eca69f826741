/** The form on which a password is chosen, wherever the way there began. */
import { assetUrl } from '../assets.js';
import { formTarget } from '../links.js';
import type { PasswordFormProblem } from './account.js';

/** Field: `new_password`. */
export type NewPasswordForm = {
  readonly action: string;
  readonly csrf: string;
  readonly email: string;
  readonly minLength: number;
  readonly problem?: Extract<PasswordFormProblem, { kind: 'refused' | 'overloaded' }> | undefined;
};

/** What the templates show of it. */
export function newPasswordOf({ action, csrf, email, minLength, problem }: NewPasswordForm) {
  return {
    action: formTarget(action),
    csrf,
    email,
    minLength,
    problem: problem?.kind,
    reasons: problem?.kind === 'refused' ? problem.reasons : [],
    scripts: [{ src: assetUrl('password-meter.js'), module: false }],
  };
}
