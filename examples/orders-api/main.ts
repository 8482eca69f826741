/** An API that shows a shopper's orders to whoever holds a token for them, and refunds them. */
import { createServer, type ServerResponse } from 'node:http';
import { judge, type Need } from './access.js';
import { ordersOf, refund } from './orders.js';
import { settings } from './settings.js';

const SCOPE = 'orders:read';

/** Money moves only after a log-in with two factors (or better) in the last five minutes. */
const TWO_FACTORS = 'urn:latchkey:acr:2';
const MAX_AGE = 300;
const REFUND: Need = {
  scope: SCOPE,
  login: { acr: [TWO_FACTORS, 'urn:latchkey:acr:phr'], maxAge: MAX_AGE },
};

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

/** Answers a request that lacks what it needs; otherwise hands its subject to `serve`. */
async function guard(
  authorization: string | undefined,
  need: Need,
  res: ServerResponse,
  serve: (subject: string | undefined) => void,
): Promise<void> {
  const verdict = await judge(authorization, need);
  switch (verdict.kind) {
    case 'allowed':
      return serve(verdict.subject);
    case 'no-token':
      return refuse(res, 401);
    case 'invalid-token':
      return refuse(res, 401, 'invalid_token');
    case 'insufficient-scope':
      return refuse(res, 403, 'insufficient_scope', `, scope="${SCOPE}"`);
    case 'insufficient-login': {
      // What a client puts into its authorization request to get a token that will do (RFC 9470).
      const why = 'A log-in with two factors in the last five minutes is needed';
      const what = `acr_values="${TWO_FACTORS}", max_age="${MAX_AGE}"`;
      const details = `, error_description="${why}", ${what}`;
      return refuse(res, 401, 'insufficient_user_authentication', details);
    }
    case 'cannot-ask':
      console.error(`The authorization server could not be asked: ${verdict.reason}`);
      return answer(res, 503, { error: 'temporarily_unavailable' }, { 'retry-after': '5' });
  }
}

function serveOrders(authorization: string | undefined, res: ServerResponse): Promise<void> {
  return guard(authorization, { scope: SCOPE }, res, (subject) =>
    answer(res, 200, subject === undefined ? [] : ordersOf(subject)),
  );
}

function serveRefund(
  authorization: string | undefined,
  res: ServerResponse,
  number: string,
): Promise<void> {
  return guard(authorization, REFUND, res, (subject) => {
    const order = subject === undefined ? undefined : refund(subject, number);
    return order ? answer(res, 200, order) : answer(res, 404, { error: 'not_found' });
  });
}

const server = createServer((req, res) => {
  const [path = ''] = (req.url ?? '').split('?');
  const [, refunded] = /^\/orders\/([^/]+)\/refund$/.exec(path) ?? [];
  if (path !== '/orders' && refunded === undefined) return answer(res, 404, { error: 'not_found' });
  const method = refunded === undefined ? 'GET' : 'POST';
  if (req.method !== method) {
    return answer(res, 405, { error: 'method_not_allowed' }, { allow: method });
  }
  const { authorization } = req.headers;
  const served =
    refunded === undefined
      ? serveOrders(authorization, res)
      : serveRefund(authorization, res, refunded);
  served.catch((error: unknown) => {
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
