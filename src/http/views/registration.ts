/** The pages for somebody who creates an account. */
import { formTarget, localPath, webLink } from '../links.js';
import { challengeOf, type SignInChallenge } from './challenge.js';
import { type NewPasswordForm, newPasswordOf } from './new-password.js';
import { brandOf, type ClientBrand, linksOf, type PageProps, render } from './render.js';

/** What stands around every one of them. */
export type RegistrationFrame = PageProps & { readonly client: ClientBrand };

const frameOf = ({ client }: RegistrationFrame) => ({
  brand: brandOf(client),
  links: linksOf(client),
});

/** Fields: `name`, `email`, and what the check against robots sends. */
export function registerPage(
  props: RegistrationFrame & {
    readonly action: string;
    readonly csrf: string;
    readonly signInHref: string;
    readonly email?: string | undefined;
    readonly name?: string | undefined;
    readonly problem?: 'check' | 'address' | undefined;
    readonly challenge?: SignInChallenge | undefined;
  },
): string {
  return render('register/ask', props, {
    ...frameOf(props),
    action: formTarget(props.action),
    csrf: props.csrf,
    signIn: localPath(props.signInHref),
    email: props.email ?? '',
    name: props.name ?? '',
    problem: props.problem,
    ...challengeOf(props.challenge),
  });
}

/** Field: `code`. The same for every address: it must not tell which of them have an account. */
export function registerCodePage(
  props: RegistrationFrame & {
    readonly action: string;
    readonly csrf: string;
    /** As it was typed in this browser. */
    readonly email: string;
    readonly againHref: string;
    readonly problem?: 'wrong-code' | undefined;
  },
): string {
  return render('register/code', props, {
    ...frameOf(props),
    action: formTarget(props.action),
    csrf: props.csrf,
    email: props.email,
    again: localPath(props.againHref),
    problem: props.problem,
  });
}

export function registerPasswordPage(props: RegistrationFrame & NewPasswordForm): string {
  return render('register/password', props, { ...frameOf(props), ...newPasswordOf(props) });
}

/** The end of the way, in a browser that is not the one that began it or that has an account. */
export function registerDonePage(
  props: RegistrationFrame & {
    /** `taken`: the address has had an account already. */
    readonly outcome: 'created' | 'taken';
    readonly signInHref?: string | undefined;
    readonly clientUri?: string | undefined;
  },
): string {
  return render('register/done', props, {
    ...frameOf(props),
    taken: props.outcome === 'taken',
    signIn: localPath(props.signInHref),
    shop: webLink(props.clientUri),
  });
}

/** Goes out with status 410, whatever is the matter with the code or the link. */
export function registerDeadPage(
  props: PageProps & {
    readonly client?: ClientBrand | undefined;
    readonly againHref?: string | undefined;
  },
): string {
  return render('register/dead', props, {
    ...(props.client ? frameOf({ client: props.client }) : {}),
    again: localPath(props.againHref),
  });
}
