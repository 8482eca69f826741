/**
 * A shopper's browser without a screen: keeps cookies, follows redirects up to the client, and
 * sends the forms it is shown.
 */
import * as oidc from 'openid-client';
import type { TestServer } from './server.js';

export type Reply = {
  readonly status: number;
  readonly location: string | undefined;
  readonly headers: Headers;
  readonly body: string;
};

export type Browser = {
  get(url: string, headers?: Record<string, string>): Promise<Reply>;
  post(
    url: string,
    fields: Record<string, string>,
    headers?: Record<string, string>,
  ): Promise<Reply>;
  cookies: Map<string, { value: string; path: string }>;
};

/** A fresh browser for the server's origin. */
export function openBrowser(server: Pick<TestServer, 'issuer'>): Browser {
  const cookies = new Map<string, { value: string; path: string }>();
  const send = async (url: string, init: RequestInit): Promise<Reply> => {
    const target = new URL(url, server.issuer);
    const cookie = [...cookies]
      .filter(([, { path }]) => target.pathname.startsWith(path))
      .map(([key, { value }]) => `${key.split('|')[0]}=${value}`)
      .join('; ');
    const headers = new Headers(init.headers);
    if (cookie) headers.set('cookie', cookie);
    if (!headers.has('accept')) headers.set('accept', 'text/html');
    const response = await fetch(target, { ...init, headers, redirect: 'manual' });
    for (const line of response.headers.getSetCookie()) {
      const [pair = '', ...attributes] = line.split(';').map((part) => part.trim());
      const at = pair.indexOf('=');
      const name = pair.slice(0, at);
      const value = pair.slice(at + 1);
      const path =
        attributes.find((part) => part.toLowerCase().startsWith('path='))?.slice(5) ?? '/';
      const expired = attributes.some(
        (part) =>
          part.toLowerCase().startsWith('expires=') && Date.parse(part.slice(8)) < Date.now(),
      );
      if (expired || value === '') cookies.delete(`${name}|${path}`);
      else cookies.set(`${name}|${path}`, { value, path });
    }
    return {
      status: response.status,
      location: response.headers.get('location') ?? undefined,
      headers: response.headers,
      body: await response.text(),
    };
  };
  return {
    cookies,
    get: (url, headers = {}) => send(url, { headers }),
    post: (url, fields, headers = {}) =>
      send(url, { method: 'POST', body: new URLSearchParams(fields), headers }),
  };
}

/** The value of a hidden field in a page. */
export function hiddenField(html: string, name: string): string {
  const element = html.match(new RegExp(`<input[^>]*name="${name}"[^>]*>`))?.[0] ?? '';
  return element.match(/value="([^"]*)"/)?.[1] ?? '';
}

/** The target of the form that holds the field. */
export function formAction(html: string, field: string): string {
  for (const form of html.match(/<form[\s\S]*?<\/form>/g) ?? []) {
    if (form.includes(`name="${field}"`)) return form.match(/action="([^"]*)"/)?.[1] ?? '';
  }
  return '';
}

/** Sends the log-in form of a page. */
export function submitLogin(
  browser: Browser,
  page: Reply,
  user: { email: string; password: string },
): Promise<Reply> {
  return browser.post(formAction(page.body, 'password'), {
    csrf: hiddenField(page.body, 'csrf'),
    login: user.email,
    password: user.password,
  });
}

/** Follows redirects within the server; stops at a page or at the client's address. */
export async function follow(browser: Browser, server: TestServer, first: Reply): Promise<Reply> {
  let reply = first;
  for (let hops = 0; reply.location && hops < 10; hops += 1) {
    const target = new URL(reply.location, server.issuer);
    if (target.origin !== new URL(server.issuer).origin) return reply;
    reply = await browser.get(target.href);
  }
  return reply;
}

export type Client = {
  readonly config: oidc.Configuration;
  readonly redirectUri: string;
};

/** `openid-client` set up for one of the demo clients (or a registered one). */
export async function clientFor(
  server: TestServer,
  client: { client_id: string; client_secret?: string; redirect_uris?: string[] },
): Promise<Client> {
  const config = await oidc.discovery(
    new URL(server.issuer),
    client.client_id,
    { id_token_signed_response_alg: 'ES256' },
    client.client_secret ? oidc.ClientSecretBasic(client.client_secret) : oidc.None(),
    { execute: [oidc.allowInsecureRequests] },
  );
  return { config, redirectUri: client.redirect_uris?.[0] ?? '' };
}

/** A pending authorization: where the browser goes, and what the client keeps. */
export type Pending = {
  readonly url: URL;
  readonly checks: oidc.AuthorizationCodeGrantChecks;
};

export async function authorizationRequest(
  client: Client,
  parameters: Record<string, string>,
): Promise<Pending> {
  const pkceCodeVerifier = oidc.randomPKCECodeVerifier();
  const state = oidc.randomState();
  const nonce = oidc.randomNonce();
  const url = oidc.buildAuthorizationUrl(client.config, {
    redirect_uri: client.redirectUri,
    code_challenge: await oidc.calculatePKCECodeChallenge(pkceCodeVerifier),
    code_challenge_method: 'S256',
    state,
    nonce,
    ...parameters,
  });
  return { url, checks: { pkceCodeVerifier, expectedState: state, expectedNonce: nonce } };
}

/** Logs a demo user in at a demo client and stops at the client's redirect URI. */
export async function logIn(
  server: TestServer,
  options: {
    browser?: Browser;
    client?: Client;
    user?: { email: string; password: string };
    parameters?: Record<string, string>;
  } = {},
): Promise<{ browser: Browser; client: Client; pending: Pending; callback: URL }> {
  const { demo } = server;
  const browser = options.browser ?? openBrowser(server);
  const client = options.client ?? (await clientFor(server, demoClient(server, 'storefront')));
  const user = options.user ?? demo.users.shopper;
  if (!user) throw new Error('no such demo user');
  const pending = await authorizationRequest(client, {
    scope: 'openid profile email offline_access orders:read',
    resource: demo.resources.orders?.indicator ?? '',
    ...options.parameters,
  });
  let reply = await follow(browser, server, await browser.get(pending.url.href));
  if (reply.body.includes('name="password"')) {
    reply = await follow(browser, server, await submitLogin(browser, reply, user));
  }
  if (!reply.location) throw new Error(`no redirect to the client: ${reply.status} ${reply.body}`);
  return { browser, client, pending, callback: new URL(reply.location) };
}

/** The whole way to tokens, with `openid-client` doing every check it knows. */
export async function obtainTokens(
  server: TestServer,
  options: Parameters<typeof logIn>[1] & { tokenParameters?: Record<string, string> } = {},
) {
  const session = await logIn(server, options);
  const resource = server.demo.resources.orders?.indicator ?? '';
  const tokens = await oidc.authorizationCodeGrant(
    session.client.config,
    session.callback,
    session.pending.checks,
    options.tokenParameters ?? { resource },
  );
  return { ...session, tokens };
}

export function demoClient(server: TestServer, key: string) {
  const client = server.demo.clients[key];
  if (!client) throw new Error(`no demo client ${key}`);
  return client;
}

/** Asks the introspection endpoint as one of the demo clients. */
export async function introspect(
  server: TestServer,
  as: string,
  token: string,
  extra: Record<string, string> = {},
): Promise<{ status: number; text: string; headers: Headers }> {
  const { client_id, client_secret } = demoClient(server, as);
  const response = await fetch(`${server.issuer}/oauth2/introspect`, {
    method: 'POST',
    headers: {
      authorization: `Basic ${Buffer.from(`${client_id}:${client_secret}`).toString('base64')}`,
    },
    body: new URLSearchParams({ token, ...extra }),
  });
  return { status: response.status, text: await response.text(), headers: response.headers };
}

/** A token of the demo automation for the admin API. */
export async function adminToken(
  server: TestServer,
  scope = 'users:read users:write clients:read grants:revoke audit:read',
): Promise<string> {
  const client = await clientFor(server, demoClient(server, 'automation'));
  const { access_token } = await oidc.clientCredentialsGrant(client.config, {
    resource: 'urn:latchkey:admin',
    scope,
  });
  return access_token;
}
