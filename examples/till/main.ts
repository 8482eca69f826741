/**
 * A till at which shoppers sign in with their phone: it shows a code and its picture, waits, and
 * greets whoever has said yes. One screen, one shopper at a time; the protocol is in `sign-in.ts`.
 */
import { createHash } from 'node:crypto';
import { createServer, type ServerResponse } from 'node:http';
import { toString as drawQr } from 'qrcode';
import { type Order, type Screen, script, tillPage } from './pages.js';
import { settings } from './settings.js';
import { answerTo, invite, refresh, signOut, type Tokens } from './sign-in.js';
import { style } from './style.js';

let screen: Screen = { kind: 'idle' };
let tokens: Tokens | undefined;
let waiting: AbortController | undefined;
/** Browsers that want to hear when there is something else to see. */
const watchers = new Set<ServerResponse>();

function show(next: Screen): void {
  screen = next;
  for (const watcher of watchers) watcher.write('data: changed\n\n');
}

const OUTAGE = 'The sign-in service does not answer just now. Please try again soon.';

const actions = new Map<string, () => Promise<void>>([
  ['/start', start],
  ['/cancel', async () => leave()],
  ['/sign-out', endSignIn],
]);

async function start(): Promise<void> {
  // Pressed twice: the code that is on the screen stays good.
  if (waiting || tokens) return;
  const controller = new AbortController();
  waiting = controller;
  try {
    const invitation = await invite();
    const qrSvg = await drawQr(invitation.completeAddress, { type: 'svg', margin: 2 });
    const { userCode, address, completeAddress } = invitation;
    show({ kind: 'waiting', userCode, address, completeAddress, qrSvg });
    void answerTo(invitation, controller.signal).then(greet, leaveWith(OUTAGE));
  } catch (error) {
    leaveWith(OUTAGE)(error);
  }

  async function greet(answer: Awaited<ReturnType<typeof answerTo>>): Promise<void> {
    if (controller.signal.aborted) {
      // Cancelled here while they said yes there: nobody stands at the till any more.
      if (answer.kind === 'signed-in') await signOut(answer.tokens).catch(console.error);
      return;
    }
    if (answer.kind === 'refused')
      return leave('You refused on your phone, so nobody is signed in.');
    if (answer.kind === 'expired')
      return leave('That took too long. Start again when you are ready.');
    tokens = answer.tokens;
    await showOrders().catch((error: unknown) => {
      // They are signed in all the same; the next look at the screen asks again.
      console.error(error);
      if (tokens) show({ kind: 'signed-in', name: tokens.name, orders: [] });
    });
  }

  function leaveWith(news: string) {
    return (error: unknown): void => {
      if (controller.signal.aborted) return;
      console.error(error);
      leave(news);
    };
  }
}

/** The orders as they are now; whoever was signed out elsewhere is signed out here. */
async function showOrders(): Promise<void> {
  if (!tokens) return;
  let answer = await fetchOrders(tokens.accessToken);
  if (answer === 'refused') {
    tokens = await refresh(tokens);
    if (!tokens) return leave('You have been signed out.');
    answer = await fetchOrders(tokens.accessToken);
  }
  if (answer === 'refused') return leave('You have been signed out.');
  const next: Screen = { kind: 'signed-in', name: tokens.name, orders: answer };
  if (JSON.stringify(next) !== JSON.stringify(screen)) show(next);
}

async function fetchOrders(accessToken: string): Promise<readonly Order[] | 'refused'> {
  const response = await fetch(settings.ordersApi, {
    headers: { authorization: `Bearer ${accessToken}` },
    signal: AbortSignal.timeout(10_000),
  });
  if (response.status === 401) return 'refused';
  if (!response.ok) throw new Error(`the orders API says ${response.status}`);
  return (await response.json()) as Order[];
}

function leave(news?: string): void {
  waiting?.abort();
  waiting = undefined;
  tokens = undefined;
  show({ kind: 'idle', news });
}

async function endSignIn(): Promise<void> {
  const ending = tokens;
  leave('You are signed out.');
  if (ending) await signOut(ending);
}

const sourceOf = (text: string) => `'sha256-${createHash('sha256').update(text).digest('base64')}'`;
const POLICY = [
  "default-src 'none'",
  `style-src ${sourceOf(style)}`,
  `script-src ${sourceOf(script)}`,
  "connect-src 'self'",
  'img-src data:',
  "form-action 'self'",
  "frame-ancestors 'none'",
  "base-uri 'none'",
].join('; ');

const server = createServer(async (req, res) => {
  if (req.method === 'GET' && req.url === '/changes') {
    res.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
    res.write(': listening\n\n');
    watchers.add(res);
    res.once('close', () => watchers.delete(res));
    return;
  }
  const action = req.method === 'POST' ? actions.get(req.url ?? '') : undefined;
  if (action) {
    // Only the till's own page presses its buttons.
    const { origin } = req.headers;
    if (origin !== undefined && origin !== settings.origin) return void res.writeHead(403).end();
    await action().catch(console.error);
    return void res.writeHead(303, { location: '/', 'cache-control': 'no-store' }).end();
  }
  if (req.method !== 'GET' || req.url !== '/') return void res.writeHead(404).end();
  await showOrders().catch(console.error);
  res.writeHead(200, {
    'content-type': 'text/html; charset=utf-8',
    'cache-control': 'no-store',
    'content-security-policy': POLICY,
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'same-origin',
  });
  res.end(tillPage(screen));
});

server.once('error', (error) => {
  console.error(`The till could not start: ${error.message}`);
  process.exit(1);
});
server.listen(settings.port, '127.0.0.1', () => {
  console.log(`The till is ready at ${settings.origin}`);
});

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    waiting?.abort();
    server.close(() => process.exit(0));
    server.closeAllConnections();
  });
}
