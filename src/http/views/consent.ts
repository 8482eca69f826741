/**
 * What an application asks for, in words: ours for what every person has, the operator's for the
 * scopes of a shop's own APIs.
 */
import { formTarget, localPath } from '../links.js';
import { brandOf, type ClientBrand, linksOf, type PageProps, render } from './render.js';

/** Which sentence explains an identity scope; `other` shows the scope's own name. */
export type IdentityLabel = 'openid' | 'profile' | 'email' | 'phone' | 'address' | 'other';

/** The sentence for a scope. */
export function identityLabel(scope: string): IdentityLabel {
  switch (scope) {
    case 'openid':
    case 'profile':
    case 'email':
    case 'phone':
    case 'address':
      return scope;
    default:
      return 'other';
  }
}

export type ConsentIdentity = { readonly scope: string; readonly labelKey: IdentityLabel };

export type ConsentResource = {
  readonly name: string;
  /** The API of the account itself, whose scopes are explained in our words. */
  readonly account?: boolean;
  readonly scopes: readonly { readonly name: string; readonly description: string }[];
};

/** A payment to approve, as the request spelled it. */
export type ConsentPayment = {
  readonly instructedAmount: { readonly currency: string; readonly amount: string };
  readonly order: string;
  readonly creditorName?: string | undefined;
};

export function consentPage(
  props: PageProps & {
    readonly client: ClientBrand;
    /** Empty where nobody goes back, because a device waits. */
    readonly redirectHost: string;
    readonly action: string;
    readonly cancelAction: string;
    readonly csrf: string;
    /** Already masked: the page shows it as it is. */
    readonly signedInAs: string;
    readonly identity: readonly ConsentIdentity[];
    readonly resources: readonly ConsentResource[];
    readonly offline: boolean;
    readonly payment?: ConsentPayment | undefined;
    /** Where access is taken back, a path of this server. */
    readonly accountHref?: string | undefined;
  },
): string {
  const resources = props.resources.filter((resource) => resource.scopes.length > 0);
  return render('signin/consent', props, {
    brand: brandOf(props.client),
    links: linksOf(props.client),
    redirectHost: props.redirectHost,
    action: formTarget(props.action),
    cancelAction: formTarget(props.cancelAction),
    csrf: props.csrf,
    signedInAs: props.signedInAs,
    identity: props.identity,
    resources,
    offline: props.offline,
    access: !props.payment || props.identity.length + resources.length > 0 || props.offline,
    payment: props.payment,
    accountHref: localPath(props.accountHref),
  });
}
