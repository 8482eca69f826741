/** The pages for a shopper who signs in with a code by e-mail. */
import { formTarget, localPath } from '../links.js';
import { challengeOf, type SignInChallenge } from './challenge.js';
import { brandOf, type ClientBrand, linksOf, type PageProps, render } from './render.js';

/** What stands around every one of them. */
export type EmailCodeFrame = PageProps & {
  readonly client: ClientBrand;
  /** Back to the password. */
  readonly signInHref: string;
};

const frameOf = ({ client, signInHref }: EmailCodeFrame) => ({
  brand: brandOf(client),
  links: linksOf(client),
  signIn: localPath(signInHref),
});

/** Fields: `login`, and what the check against robots sends. */
export function emailCodeAskPage(
  props: EmailCodeFrame & {
    readonly action: string;
    readonly csrf: string;
    readonly login?: string | undefined;
    readonly problem?: 'check' | 'address' | undefined;
    readonly challenge?: SignInChallenge | undefined;
  },
): string {
  return render('email-code/ask', props, {
    ...frameOf(props),
    action: formTarget(props.action),
    csrf: props.csrf,
    login: props.login ?? '',
    problem: props.problem,
    ...challengeOf(props.challenge),
  });
}

/** Field: `code`. The same for every address: it must not tell which of them have an account. */
export function emailCodePage(
  props: EmailCodeFrame & {
    readonly action: string;
    readonly csrf: string;
    /** As it was typed in this browser. */
    readonly login: string;
    readonly againHref: string;
    readonly problem?: 'wrong-code' | undefined;
  },
): string {
  return render('email-code/code', props, {
    ...frameOf(props),
    action: formTarget(props.action),
    csrf: props.csrf,
    login: props.login,
    again: localPath(props.againHref),
    problem: props.problem,
  });
}

/** Goes out with status 410, whatever is the matter with the code. */
export function emailCodeDeadPage(props: EmailCodeFrame & { readonly againHref: string }): string {
  return render('email-code/dead', props, {
    ...frameOf(props),
    again: localPath(props.againHref),
  });
}
