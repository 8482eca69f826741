/** An API that serves a shopper's orders to whoever holds a token for them. */
import { createServer, type ServerResponse } from 'node:http';
import { judge } from './access.js';
import { ordersOf } from './orders.js';
import { settings } from './settings.js';

const SCOPE = 'orders:read';

function answer(
  res: ServerResponse,
  status: number,
  body: unknown,
  headers: Record<string, string> = {},
): void {
  res.writeHead(status, {
    'content-type': 'application/json',
    'cache-control': 'no-store',
    ...headers,
  });
  res.end(JSON.stringify(body));
}

/** Tells the caller what is wrong with its token, in the words of RFC 6750 section 3. */
function refuse(res: ServerResponse, status: 401 | 403, error?: string, details = ''): void {
  const challenge = `Bearer realm="orders"${error ? `, error="${error}"` : ''}${details}`;
  answer(res, status, { error: error ?? 'unauthorized' }, { 'www-authenticate': challenge });
}

async function serveOrders(authorization: string | undefined, res: ServerResponse): Promise<void> {
  const verdict = await judge(authorization, SCOPE);
  switch (verdict.kind) {
    case 'allowed':
      return answer(res, 200, verdict.subject === undefined ? [] : ordersOf(verdict.subject));
    case 'no-token':
      return refuse(res, 401);
    case 'invalid-token':
      return refuse(res, 401, 'invalid_token');
    case 'insufficient-scope':
      return refuse(res, 403, 'insufficient_scope', `, scope="${SCOPE}"`);
    case 'cannot-ask':
      console.error(`The authorization server could not be asked: ${verdict.reason}`);
      return answer(res, 503, { error: 'temporarily_unavailable' }, { 'retry-after': '5' });
  }
}

const server = createServer((req, res) => {
  const [path] = (req.url ?? '').split('?');
  if (path !== '/orders') return answer(res, 404, { error: 'not_found' });
  if (req.method !== 'GET') {
    return answer(res, 405, { error: 'method_not_allowed' }, { allow: 'GET' });
  }
  serveOrders(req.headers.authorization, res).catch((error: unknown) => {
    console.error(error);
    answer(res, 500, { error: 'server_error' });
  });
});

server.once('error', (error) => {
  console.error(`The orders API could not start: ${error.message}`);
  process.exit(1);
});
server.listen(settings.port, '127.0.0.1', () => {
  console.log(`The orders API is ready at http://localhost:${settings.port}/orders`);
});

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    server.close(() => process.exit(0));
    server.closeAllConnections();
  });
}
