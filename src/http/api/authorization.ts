/** Access tokens in requests to the two APIs: the header and nothing else (RFC 6750, RFC 9449). */
import type { AppContext } from '../context.js';

export type Scheme = 'Bearer' | 'DPoP';
export type Presented = { readonly scheme: Scheme; readonly token: string };

const SCHEMES: Readonly<Record<string, Scheme>> = { bearer: 'Bearer', dpop: 'DPoP' };

/** The token in the Authorization header; one in a query or a form is none. */
export function readAuthorization(ctx: AppContext): Presented | undefined {
  const [name = '', token = '', ...rest] = ctx.get('Authorization').split(' ');
  const scheme = Object.hasOwn(SCHEMES, name.toLowerCase()) && SCHEMES[name.toLowerCase()];
  return scheme && token !== '' && rest.length === 0 ? { scheme, token } : undefined;
}

/** Says in WWW-Authenticate what is wrong with the token, or what another one has to be. */
export function challenge(
  ctx: AppContext,
  parameters: Readonly<Record<string, string | number>>,
  scheme: Scheme = 'Bearer',
): void {
  const listed = Object.entries(parameters).map(([name, value]) => `${name}="${value}"`);
  ctx.set('WWW-Authenticate', [scheme, listed.join(', ')].filter(Boolean).join(' '));
}
