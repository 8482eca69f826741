/** The pages for a device that shows a code: typing it, comparing it, and what came of it. */
import { formTarget, localPath } from '../links.js';
import type { ConsentIdentity, ConsentResource } from './consent.js';
import { brandOf, type ClientBrand, linksOf, type PageProps, render } from './render.js';

/** Why a code was not taken. */
export type UserCodeProblem = 'missing' | 'wrong' | 'expired' | 'used';

/** Field: `user_code`. */
export function deviceEnterPage(
  props: PageProps & {
    readonly action: string;
    readonly xsrf: string;
    readonly problem?: UserCodeProblem | undefined;
  },
): string {
  return render('device/enter', props, {
    action: formTarget(props.action),
    xsrf: props.xsrf,
    problem: props.problem,
  });
}

/** Nobody is let in before somebody has compared the code, however they got here. */
export function deviceConfirmPage(
  props: PageProps & {
    readonly client: ClientBrand;
    readonly action: string;
    readonly xsrf: string;
    readonly userCode: string;
    /** Already masked; nothing where nobody is signed in. */
    readonly signedInAs?: string | undefined;
    readonly identity: readonly ConsentIdentity[];
    readonly resources: readonly ConsentResource[];
    readonly offline: boolean;
  },
): string {
  return render('device/confirm', props, {
    brand: brandOf(props.client),
    links: linksOf(props.client),
    action: formTarget(props.action),
    xsrf: props.xsrf,
    userCode: props.userCode,
    signedInAs: props.signedInAs,
    identity: props.identity,
    resources: props.resources.filter((resource) => resource.scopes.length > 0),
    offline: props.offline,
  });
}

export function deviceDonePage(
  props: PageProps & { readonly client: ClientBrand; readonly accountHref: string },
): string {
  return render('device/done', props, {
    brand: brandOf(props.client),
    links: linksOf(props.client),
    accountHref: localPath(props.accountHref),
  });
}

export function deviceDeniedPage(props: PageProps & { readonly againHref: string }): string {
  return render('device/denied', props, { again: localPath(props.againHref) });
}

/** Goes out with status 400. */
export function deviceStalePage(props: PageProps & { readonly againHref: string }): string {
  return render('device/stale', props, { again: localPath(props.againHref) });
}
