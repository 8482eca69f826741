/** The form on which a password is chosen, wherever the way there began. */
import { assetUrl } from '../assets.js';
import { formTarget } from '../links.js';
import type { PasswordFormProblem } from './account.js';
import { faultSentences } from './password-faults.js';
import type { PageProps } from './render.js';

/** Field: `new_password`. */
export type NewPasswordForm = PageProps & {
  readonly action: string;
  readonly csrf: string;
  readonly email: string;
  readonly minLength: number;
  readonly problem?: Extract<PasswordFormProblem, { kind: 'refused' | 'overloaded' }> | undefined;
};

/** What the templates show of it. */
export function newPasswordOf(props: NewPasswordForm) {
  const { action, csrf, email, minLength, problem } = props;
  return {
    action: formTarget(action),
    csrf,
    email,
    minLength,
    problem: problem?.kind,
    reasons: problem?.kind === 'refused' ? faultSentences(problem.faults, props) : [],
    scripts: [{ src: assetUrl('password-meter.js'), module: false }],
  };
}
