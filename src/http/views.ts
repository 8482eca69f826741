/**
 * One typed function per page: finished data in, an HTML string out. Templates hold the words
 * and escape every value; what may become a link, a form target or a picture is settled here.
 */
import { fileURLToPath } from 'node:url';
import { Eta } from 'eta';
import { assetUrl } from './assets.js';
import { formTarget, httpsLink, localPath, webLink } from './links.js';

const eta = new Eta({
  views: fileURLToPath(new URL('../../views/', import.meta.url)),
  cache: true,
  autoEscape: true,
});

const assets = {
  css: assetUrl('latchkey.css'),
  js: assetUrl('latchkey.js'),
  mark: assetUrl('mark.svg'),
};

/** Every page: `nonce` goes on its script and stylesheet (CSP level 3). */
export type PageProps = { readonly nonce?: string | undefined };

function render(template: string, { nonce }: PageProps, data: object): string {
  return eta.render(template, { ...data, assets, nonce });
}

/** What a page shows of the application that sent the person here. */
export type ClientBrand = {
  readonly name: string;
  readonly logoUri?: string | undefined;
  readonly policyUri?: string | undefined;
  readonly tosUri?: string | undefined;
};

/** A name on one line, without the invisible characters that could turn a sentence around. */
function plainName(name: string): string {
  return name
    .replace(/[\p{Cc}\p{Zl}\p{Zp}\u200e\u200f\u202a-\u202e\u2066-\u2069]+/gu, ' ')
    .replace(/\s+/gu, ' ')
    .trim();
}

const graphemes = new Intl.Segmenter('en', { granularity: 'grapheme' });

function brandOf(client: ClientBrand) {
  const name = plainName(client.name);
  const letter = name.match(/[\p{L}\p{N}]/u);
  const [first] = graphemes.segment(letter ? name.slice(letter.index) : name);
  return {
    name,
    monogram: first?.segment.toUpperCase() ?? '',
    logo: localPath(client.logoUri),
  };
}

function linksOf(client: ClientBrand) {
  return { policy: httpsLink(client.policyUri), terms: httpsLink(client.tosUri) };
}

export type SignInProblem = 'rejected' | 'expired' | 'overloaded';

export function signInPage(
  props: PageProps & {
    readonly client: ClientBrand;
    readonly action: string;
    readonly cancelAction: string;
    readonly csrf: string;
    readonly login?: string | undefined;
    readonly problem?: SignInProblem | undefined;
  },
): string {
  return render('signin/sign-in', props, {
    brand: brandOf(props.client),
    links: linksOf(props.client),
    action: formTarget(props.action),
    cancelAction: formTarget(props.cancelAction),
    csrf: props.csrf,
    login: props.login ?? '',
    problem: props.problem,
  });
}

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
  readonly scopes: readonly { readonly name: string; readonly description: string }[];
};

export function consentPage(
  props: PageProps & {
    readonly client: ClientBrand;
    readonly redirectHost: string;
    readonly action: string;
    readonly cancelAction: string;
    readonly csrf: string;
    /** Already masked: the page shows it as it is. */
    readonly signedInAs: string;
    readonly identity: readonly ConsentIdentity[];
    readonly resources: readonly ConsentResource[];
    readonly offline: boolean;
    /** Where access is taken back, a path of this server. */
    readonly accountHref?: string | undefined;
  },
): string {
  return render('signin/consent', props, {
    brand: brandOf(props.client),
    links: linksOf(props.client),
    redirectHost: props.redirectHost,
    action: formTarget(props.action),
    cancelAction: formTarget(props.cancelAction),
    csrf: props.csrf,
    signedInAs: props.signedInAs,
    identity: props.identity,
    resources: props.resources.filter((resource) => resource.scopes.length > 0),
    offline: props.offline,
    accountHref: localPath(props.accountHref),
  });
}

export function signOutPage(
  props: PageProps & {
    readonly clientName?: string | undefined;
    /** Trusted: the protocol host's own form with its hidden xsrf field, shown unescaped. */
    readonly formHtml: string;
    readonly formId: string;
  },
): string {
  const brand = props.clientName ? brandOf({ name: props.clientName }) : undefined;
  return render('signin/sign-out', props, {
    brand,
    clientName: brand?.name,
    formHtml: props.formHtml,
    formId: props.formId,
  });
}

export function signedOutPage(
  props: PageProps & {
    readonly clientName?: string | undefined;
    readonly clientUri?: string | undefined;
  },
): string {
  return render('signin/signed-out', props, {
    clientName: props.clientName ? plainName(props.clientName) : undefined,
    clientHref: webLink(props.clientUri),
  });
}

/** A form on its way to the client: sent by the script, or by the person where there is none. */
export function continuePage(
  props: PageProps & {
    readonly action: string;
    readonly fields: Readonly<Record<string, string>>;
  },
): string {
  return render('signin/continue', props, {
    action: formTarget(props.action),
    fields: Object.entries(props.fields).map(([name, value]) => ({ name, value })),
  });
}

export function errorPage(
  props: PageProps & {
    readonly status: number;
    readonly title: string;
    readonly message: string;
    readonly requestId?: string | undefined;
    readonly backHref?: string | undefined;
  },
): string {
  return render('errors/error', props, {
    ours: props.status >= 500,
    heading: props.title,
    message: props.message,
    requestId: props.requestId,
    back: localPath(props.backHref) ?? webLink(props.backHref),
  });
}

export type DemoLogin = {
  readonly label: string;
  readonly login: string;
  readonly password: string;
};

export function homePage(
  props: PageProps & {
    readonly issuer: string;
    readonly development: boolean;
    readonly storefrontUrl?: string | undefined;
    /** Shown in development mode only. */
    readonly logins?: readonly DemoLogin[] | undefined;
    readonly docsUrl?: string | undefined;
  },
): string {
  const base = new URL(props.issuer).pathname.replace(/\/$/, '');
  return render('home', props, {
    issuer: props.issuer,
    development: props.development,
    storefront: props.development ? webLink(props.storefrontUrl) : undefined,
    logins: props.development ? (props.logins ?? []) : [],
    discovery: {
      openid: `${base}/.well-known/openid-configuration`,
      oauth: `/.well-known/oauth-authorization-server${base}`,
    },
    docs: httpsLink(props.docsUrl),
  });
}
