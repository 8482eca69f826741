/** The pages for another e-mail address, and for taking an old one back. */
import { formTarget, localPath } from '../links.js';
import { type AccountFrame, frameOf } from './account.js';
import { type PageProps, render } from './render.js';

export type EmailFormProblem =
  | { readonly kind: 'address' | 'same' }
  /** The code is void, late or replaced. Goes out with status 410. */
  | { readonly kind: 'gone' }
  /** Told to nobody but who typed the code from that very mailbox. */
  | { readonly kind: 'taken' }
  /** Goes out with status 429 and `Retry-After`. */
  | {
      readonly kind: 'limited';
      readonly by: 'account' | 'network';
      readonly opensAt: string;
    };

/** Field: `email`. */
export function accountEmailPage(
  props: AccountFrame & {
    readonly action: string;
    /** As it was typed. */
    readonly email: string;
    readonly problem?: EmailFormProblem | undefined;
  },
): string {
  const { problem } = props;
  return render('account/email', props, {
    ...frameOf(props),
    action: formTarget(props.action),
    email: props.email,
    problem: problem?.kind,
    by: problem?.kind === 'limited' ? problem.by : undefined,
    opensAt: problem?.kind === 'limited' ? problem.opensAt : undefined,
  });
}

/** Field: `code`. The same for every address: it must not tell which of them have an account. */
export function accountEmailCodePage(
  props: AccountFrame & {
    readonly action: string;
    readonly againHref: string;
    readonly email: string;
    readonly problem?: 'wrong-code' | undefined;
  },
): string {
  return render('account/email-code', props, {
    ...frameOf(props),
    action: formTarget(props.action),
    again: localPath(props.againHref),
    email: props.email,
    problem: props.problem,
  });
}

/** A question, since mail scanners open links, too. */
export function restoreEmailPage(
  props: PageProps & {
    readonly action: string;
    readonly csrf: string;
    /** The address to be taken back. */
    readonly email: string;
  },
): string {
  return render('restore/ask', props, {
    action: formTarget(props.action),
    csrf: props.csrf,
    email: props.email,
  });
}

export function restoreDonePage(props: PageProps & { readonly recoveryHref: string }): string {
  return render('restore/done', props, { recovery: localPath(props.recoveryHref) });
}

/** Goes out with status 410, whatever is the matter with the link; or with 409. */
export function restoreRefusedPage(props: PageProps & { readonly why: 'dead' | 'taken' }): string {
  return render('restore/refused', props, { why: props.why });
}
