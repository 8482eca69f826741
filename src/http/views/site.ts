/** Pages that belong to no client: errors and the front page. */
import { httpsLink, localPath, webLink } from '../links.js';
import { type PageProps, render } from './render.js';

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
    busy: props.status === 429,
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
