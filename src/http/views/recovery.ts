/** The pages for somebody who has forgotten the password. */
import { formTarget, localPath, webLink } from '../links.js';
import { challengeOf, type SignInChallenge } from './challenge.js';
import { type NewPasswordForm, newPasswordOf } from './new-password.js';
import { brandOf, type ClientBrand, linksOf, type PageProps, render } from './render.js';

/** What stands around every one of them; the client is the one it was begun in, if in one. */
export type RecoveryFrame = PageProps & { readonly client?: ClientBrand | undefined };

function frameOf({ client }: RecoveryFrame) {
  return client ? { brand: brandOf(client), links: linksOf(client) } : {};
}

/** Field: `login`, and what the check against robots sends. */
export function recoveryAskPage(
  props: RecoveryFrame & {
    readonly action: string;
    readonly csrf: string;
    readonly backHref?: string | undefined;
    readonly login?: string | undefined;
    readonly problem?: 'check' | undefined;
    readonly challenge?: SignInChallenge | undefined;
  },
): string {
  return render('recovery/ask', props, {
    ...frameOf(props),
    action: formTarget(props.action),
    csrf: props.csrf,
    back: localPath(props.backHref),
    login: props.login ?? '',
    problem: props.problem,
    ...challengeOf(props.challenge),
  });
}

/** The same for every address: it must not tell which of them have an account. */
export function recoverySentPage(
  props: RecoveryFrame & {
    readonly againHref: string;
    readonly backHref?: string | undefined;
  },
): string {
  return render('recovery/sent', props, {
    ...frameOf(props),
    again: localPath(props.againHref),
    back: localPath(props.backHref),
  });
}

export function recoveryPasswordPage(props: RecoveryFrame & NewPasswordForm): string {
  return render('recovery/new-password', props, { ...frameOf(props), ...newPasswordOf(props) });
}

/** Nobody is signed in by it: the way on is the log-in page, or the shop. */
export function recoveryDonePage(
  props: RecoveryFrame & {
    /** The log-in page that it was begun on, if this browser is still on its way. */
    readonly signInHref?: string | undefined;
    readonly clientUri?: string | undefined;
  },
): string {
  return render('recovery/done', props, {
    ...frameOf(props),
    signIn: localPath(props.signInHref),
    shop: webLink(props.clientUri),
  });
}

/** Goes out with status 410, whatever is the matter with the link. */
export function recoveryDeadPage(props: RecoveryFrame & { readonly againHref: string }): string {
  return render('recovery/dead', props, {
    ...frameOf(props),
    again: localPath(props.againHref),
  });
}
