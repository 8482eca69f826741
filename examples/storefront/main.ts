/**
 * A shop front that signs shoppers in with Latchkey and shows them their orders. One table of
 * pages; the protocol is in `sign-in.ts`, the shopper's session in `sessions.ts`.
 */
import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { fetchOrders, type RefundAnswer, refundOrder, type StepUp } from './orders.js';
import { money, type Notice, type Shown, shopPage } from './pages.js';
import {
  closeSession,
  endSessions,
  findSession,
  openSession,
  type Pending,
  recallSignIn,
  rememberSignIn,
  type Session,
} from './sessions.js';
import { settings } from './settings.js';
import { beginSignIn, beginSignOut, finishSignIn, refresh, type Tokens } from './sign-in.js';
import { readSignOutNotice } from './sign-out-notice.js';
import { style } from './style.js';

/** One request: where it goes, from whom, and where the answer is written. */
type Visit = {
  readonly req: IncomingMessage;
  readonly url: URL;
  readonly session: Session | undefined;
  readonly res: ServerResponse;
};

const pages = new Map<string, (visit: Visit) => Promise<void>>([
  ['GET /', showShop],
  ['GET /login', signIn],
  ['GET /callback', comeBack],
  ['GET /refund', askBeforeRefund],
  ['POST /refund', confirmRefund],
  ['POST /refresh', refreshTokens],
  ['POST /logout', signOut],
  ['POST /backchannel-logout', hearOfSignOut],
]);

const SIGNED_OUT = calm('You have been signed out. Please sign in again.');

async function showShop({ session, res }: Visit): Promise<void> {
  if (!session?.tokens) return show(res, 200, {});
  const answer = await withToken(session, fetchOrders);
  if (answer === 'signed-out') return forget(session, res);
  const { name, expiresAt: tokenExpiresAt } = session.tokens;
  if (answer.kind !== 'orders') {
    console.error(answer.kind === 'outage' ? answer.reason : 'the orders API refuses new tokens');
    const notice = outage('Your orders cannot be shown just now. You are still signed in.');
    return show(res, 503, { name, tokenExpiresAt, notice });
  }
  const notice = session.news;
  session.news = undefined;
  return show(res, 200, { name, tokenExpiresAt, orders: answer.orders, notice });
}

async function signIn({ session, res }: Visit): Promise<void> {
  const { url, checks } = await beginSignIn();
  rememberSignIn(session ?? openSession(res), { checks });
  redirect(res, url.href);
}

async function comeBack({ url, session, res }: Visit): Promise<void> {
  const pending = recallSignIn(session, url.searchParams.get('state') ?? '');
  if (!pending) {
    // The same page loaded twice, or an address that somebody else made up.
    if (session?.tokens) return redirect(res, '/');
    return show(res, 400, { notice: calm('That sign-in has expired. Please try again.') });
  }
  const result = await finishSignIn(url, pending.checks);
  if (result.kind === 'signed-in') {
    if (session) closeSession(session, res);
    const opened = openSession(res);
    opened.tokens = result.tokens;
    if (pending.refund) opened.news = await finishRefund(result.tokens, pending.refund);
    return redirect(res, '/');
  }
  if (session?.tokens && pending.refund) {
    // They were signed in before they were asked for more, and still are.
    session.news = calm(NOT_REFUNDED[result.kind]);
    return redirect(res, '/');
  }
  const [status, words] = NOT_SIGNED_IN[result.kind];
  return show(res, status, { notice: calm(words) });
}

const NOT_SIGNED_IN = {
  cancelled: [200, 'You did not sign in.'],
  expired: [400, 'That sign-in has expired. Please try again.'],
  unmet: [403, 'Your account cannot sign in the way this shop asks for.'],
} as const;

const NOT_REFUNDED = {
  cancelled: 'You did not sign in again, so nothing was refunded.',
  expired: 'That sign-in has expired, so nothing was refunded. Please try again.',
  unmet:
    'Nothing was refunded: it takes a way to sign in that your account does not have. Please ask our support.',
} as const;

/** What will happen is said before it does. */
async function askBeforeRefund({ url, session, res }: Visit): Promise<void> {
  if (!session?.tokens) return redirect(res, '/');
  const answer = await withToken(session, fetchOrders);
  if (answer === 'signed-out') return forget(session, res);
  const number = url.searchParams.get('order');
  const order =
    answer.kind === 'orders'
      ? answer.orders.find((one) => one.number === number && one.status !== 'refunded')
      : undefined;
  // The shop's page says what is the matter, if anything is.
  if (!order) return redirect(res, '/');
  return show(res, 200, { name: session.tokens.name, refund: order });
}

async function confirmRefund({ url, session, res }: Visit): Promise<void> {
  if (!session?.tokens) return redirect(res, '/');
  const order = url.searchParams.get('order') ?? '';
  const answer = await withToken(session, (token) => refundOrder(token, order));
  if (answer === 'signed-out') return forget(session, res);
  if (answer.kind === 'step-up') return stepUp(session, res, order, answer.stepUp);
  session.news = newsOf(answer);
  redirect(res, '/');
}

/**
 * The token is good, but not for this: the shopper signs in as the API asks. What they confirmed
 * is kept here, under the state of that sign-in, and never in an address somebody could make up.
 */
async function stepUp(
  session: Session,
  res: ServerResponse,
  order: string,
  asked: StepUp,
): Promise<void> {
  const { url, checks } = await beginSignIn(asked);
  const subject = session.tokens?.subject ?? '';
  rememberSignIn(session, { checks, refund: { order, subject } });
  redirect(res, url.href);
}

async function finishRefund(
  { accessToken, subject }: Tokens,
  refund: NonNullable<Pending['refund']>,
): Promise<Notice> {
  // Somebody else may have signed in. Nobody confirms for another.
  if (subject !== refund.subject) return calm('You changed accounts, so nothing was refunded.');
  return newsOf(await refundOrder(accessToken, refund.order));
}

function newsOf(answer: RefundAnswer): Notice {
  switch (answer.kind) {
    case 'refunded': {
      const { number, total } = answer.order;
      return good(`Order ${number} is refunded: you get ${money(total)} back.`);
    }
    case 'no-such-order':
      return calm('There is no such order.');
    // Asked twice for the same: they have done what they could.
    case 'step-up':
      return calm(NOT_REFUNDED.unmet);
    case 'token-refused':
    case 'outage':
      if (answer.kind === 'outage') console.error(answer.reason);
      return outage('The refund could not be made just now. Please try again soon.');
  }
}

async function refreshTokens({ session, res }: Visit): Promise<void> {
  if (!session?.tokens) return redirect(res, '/');
  if (!(await renew(session))) return forget(session, res);
  session.news = good('Your token was refreshed.');
  redirect(res, '/');
}

/** Signed out here in any case, and there if the shopper says so on the page that follows. */
async function signOut({ session, res }: Visit): Promise<void> {
  if (!session?.tokens) return redirect(res, '/');
  closeSession(session, res);
  try {
    redirect(res, (await beginSignOut(session.tokens)).href);
  } catch (error) {
    console.error(error);
    const words = 'You are signed out of this shop, but the sign-in service does not answer';
    show(res, 503, { notice: outage(`${words}: it may still know you on this device.`) });
  }
}

/** The sign-in server itself says that a session is over; no browser is there to be shown anything. */
async function hearOfSignOut({ req, res }: Visit): Promise<void> {
  const ended = await readSignOutNotice(req);
  if (ended) endSessions(ended);
  res.writeHead(ended ? 204 : 400, { 'cache-control': 'no-store' }).end();
}

/** Calls the API; a token that is refused has expired, most likely: a new one, one more try. */
async function withToken<Answer extends { readonly kind: string }>(
  session: Session,
  call: (accessToken: string) => Promise<Answer>,
): Promise<Answer | 'signed-out'> {
  if (!session.tokens) return 'signed-out';
  const answer = await call(session.tokens.accessToken);
  if (answer.kind !== 'token-refused') return answer;
  if (!(await renew(session))) return 'signed-out';
  return call(session.tokens.accessToken);
}

/**
 * New tokens for a session; false when its sign-in has ended. Two pages at once share one
 * request: a refresh token that is used twice looks stolen, and ends the sign-in (RFC 9700 4.14).
 */
async function renew(session: Session): Promise<boolean> {
  if (!session.tokens) return false;
  session.refreshing ??= refresh(session.tokens).finally(() => {
    session.refreshing = undefined;
  });
  const tokens = await session.refreshing;
  if (tokens) session.tokens = tokens;
  return tokens !== undefined;
}

function forget(session: Session, res: ServerResponse): void {
  closeSession(session, res);
  show(res, 200, { notice: SIGNED_OUT });
}

function good(text: string): Notice {
  return { tone: 'good', text };
}

function calm(text: string): Notice {
  return { tone: 'calm', text };
}

function outage(text: string): Notice {
  return { tone: 'outage', text };
}

// The sign-in server is named because signing out is a form that leads there.
const POLICY = [
  "default-src 'none'",
  `style-src 'sha256-${createHash('sha256').update(style).digest('base64')}'`,
  'img-src data:',
  `form-action 'self' ${settings.issuer.origin}`,
  "frame-ancestors 'none'",
  "base-uri 'none'",
].join('; ');

function show(res: ServerResponse, status: number, shown: Shown): void {
  res.writeHead(status, {
    'content-type': 'text/html; charset=utf-8',
    'cache-control': 'no-store',
    'content-security-policy': POLICY,
    'x-content-type-options': 'nosniff',
    // The address of the callback page holds a code.
    'referrer-policy': 'same-origin',
    ...(status === 503 ? { 'retry-after': '5' } : {}),
  });
  res.end(shopPage(shown));
}

function redirect(res: ServerResponse, location: string): void {
  res.writeHead(303, { location, 'cache-control': 'no-store' }).end();
}

async function serve(req: IncomingMessage, res: ServerResponse): Promise<void> {
  const address = `${settings.origin}${req.url}`;
  const url = URL.canParse(address) ? new URL(address) : undefined;
  const session = findSession(req);
  const page = url && pages.get(`${req.method} ${url.pathname}`);
  if (!page) return show(res, 404, { notice: calm('There is no such page.') });
  // Only our own pages send our forms; the cookie alone would come along from others' too.
  const { origin } = req.headers;
  if (req.method === 'POST' && origin !== undefined && origin !== settings.origin) {
    return show(res, 403, { notice: calm('That did not come from this shop.') });
  }
  try {
    await page({ req, url, session, res });
  } catch (error) {
    console.error(error);
    const still = session?.tokens ? ' You are still signed in.' : '';
    const words = `The sign-in service does not answer just now.${still} Please try again soon.`;
    show(res, 503, { name: session?.tokens?.name, notice: outage(words) });
  }
}

const server = createServer((req, res) => void serve(req, res));

server.once('error', (error) => {
  console.error(`The storefront could not start: ${error.message}`);
  process.exit(1);
});
server.listen(settings.port, '127.0.0.1', () => {
  console.log(`The storefront is ready at ${settings.origin}`);
});

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    server.close(() => process.exit(0));
    server.closeAllConnections();
  });
}
