/** A till that shows a code, and a shopper with a browser who answers it. */
import { type Answer, ORDERS, post } from './protocol.js';
import type { TestServer } from './server.js';
import { type Browser, follow, hiddenField, type Reply, submitLogin } from './shopper.js';
import { sendForm } from './sign-in.js';

export const TILL = 'demo-pos-terminal';
export const DEVICE_CODE = 'urn:ietf:params:oauth:grant-type:device_code';

export type Shown = {
  readonly device_code: string;
  readonly user_code: string;
  readonly verification_uri: string;
  readonly verification_uri_complete: string;
  readonly expires_in: number;
  readonly interval: number;
};

/** What the till gets to show. */
export async function showCode(
  server: Pick<TestServer, 'issuer'>,
  changes: Record<string, string | undefined> = {},
): Promise<Shown> {
  const answer = await post(server, '/oauth2/device_authorization', {
    client_id: TILL,
    scope: 'openid profile offline_access orders:read',
    resource: ORDERS,
    ...changes,
  });
  if (answer.status !== 200) throw new Error(`no code: ${answer.status} ${answer.text}`);
  return answer.json as unknown as Shown;
}

/** Asks once whether the shopper has answered. */
export function poll(
  server: Pick<TestServer, 'issuer'>,
  deviceCode: string,
  clientId = TILL,
): Promise<Answer> {
  return post(server, '/oauth2/token', {
    grant_type: DEVICE_CODE,
    client_id: clientId,
    device_code: deviceCode,
    ...(clientId === TILL ? { resource: ORDERS } : {}),
  });
}

/** Types a code into a fresh page. */
export async function typeCode(browser: Browser, userCode: string): Promise<Reply> {
  return sendForm(browser, await browser.get('/device'), 'user_code', { user_code: userCode });
}

/** Says that the code is the one on the device; what follows may be a sign-in. */
export function goOn(browser: Browser, page: Reply): Promise<Reply> {
  return answer(browser, page, 'confirm');
}

export function refuse(browser: Browser, page: Reply): Promise<Reply> {
  return answer(browser, page, 'abort');
}

function answer(browser: Browser, page: Reply, button: 'confirm' | 'abort'): Promise<Reply> {
  return browser.post('/device', {
    xsrf: hiddenField(page.body, 'xsrf'),
    user_code: hiddenField(page.body, 'user_code'),
    [button]: 'yes',
  });
}

/** The whole way of somebody who is not signed in yet. */
export async function approve(
  server: TestServer,
  browser: Browser,
  userCode: string,
  user = server.demo.users.shopper,
): Promise<Reply> {
  if (!user) throw new Error('no such demo user');
  const confirmed = await goOn(browser, await typeCode(browser, userCode));
  const page = await follow(browser, server, confirmed);
  if (!hiddenField(page.body, 'csrf')) return page;
  return follow(browser, server, await submitLogin(browser, page, user));
}

export const heading = ({ body }: Reply): string =>
  (body.match(/<h1>([\s\S]*?)<\/h1>/)?.[1] ?? '').replace(/<[^>]*>/g, '');
