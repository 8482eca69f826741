/** Calls to addresses that somebody else has chosen, against servers that count who connects. */
import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createOutboundFetch, OutboundError } from '../../src/platform/outbound.js';

let server: Server;
let port: number;
let connections = 0;
let answer: RequestListener = (_req, res) => res.end('{"here":true}');

beforeEach(async () => {
  connections = 0;
  answer = (_req, res) => res.end('{"here":true}');
  server = createServer((req, res) => answer(req, res));
  server.on('connection', () => {
    connections += 1;
  });
  // On both families, where there are both.
  server.listen(0);
  await once(server, 'listening');
  port = (server.address() as AddressInfo).port;
});

afterEach(() => {
  server.closeAllConnections();
  server.close();
});

const at = (...addresses: string[]) => {
  const asked: string[] = [];
  return {
    asked,
    resolve: async (hostname: string) => {
      asked.push(hostname);
      return addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }));
    },
  };
};

const faultOf = (call: Promise<unknown>): Promise<unknown> =>
  call.then(
    () => 'answered',
    (error: unknown) => (error instanceof OutboundError ? error.reason : error),
  );

/** Long enough for a socket that was opened after all to be seen. */
const settle = () => new Promise((resolve) => setTimeout(resolve, 50));

describe('nothing is connected to', () => {
  test.each([
    'https://127.0.0.1:PORT/jwks',
    'https://127.1:PORT/jwks',
    'https://2130706433:PORT/jwks',
    'https://0x7f000001:PORT/jwks',
    'https://0.0.0.0:PORT/jwks',
    'https://[::1]:PORT/jwks',
    'https://[::]:PORT/jwks',
    'https://[::ffff:127.0.0.1]:PORT/jwks',
    'https://[64:ff9b::7f00:1]:PORT/jwks',
    'https://localhost:PORT/jwks',
    'https://LOCALHOST:PORT/jwks',
    'http://127.0.0.1:PORT/jwks',
    'http://localhost:PORT/jwks',
    'https://user:password@localhost:PORT/jwks',
    'file:///etc/passwd',
    'data:application/json,{}',
  ])('at %s', async (url) => {
    const fetch = createOutboundFetch({ allow: [] });
    expect(await faultOf(fetch(url.replace('PORT', String(port))))).toBe('refused');
    await settle();
    expect(connections).toBe(0);
  });

  test.each([
    [['127.0.0.1']],
    [['10.0.0.1']],
    [['169.254.169.254']],
    [['::1']],
    [['fe80::1']],
    [['::ffff:127.0.0.1']],
    [['64:ff9b::7f00:1']],
    [['8.8.8.8', '127.0.0.1']],
  ])('where a name is at %s', async (addresses) => {
    const { resolve, asked } = at(...addresses);
    const fetch = createOutboundFetch({ allow: [], resolve });
    expect(await faultOf(fetch(`https://keys.shop.example:${port}/jwks`))).toBe('refused');
    await settle();
    expect(asked).toEqual(['keys.shop.example']);
    expect(connections).toBe(0);
  });

  test('over http at a public address, whatever else is allowed', async () => {
    const { resolve } = at('8.8.8.8');
    const fetch = createOutboundFetch({ allow: ['10.0.0.0/8', 'hooks.internal'], resolve });
    expect(await faultOf(fetch('http://keys.shop.example/jwks'))).toBe('refused');
    expect(await faultOf(fetch('http://8.8.8.8/jwks'))).toBe('refused');
  });

  test('where a name that is not on the list is at an address that is not either', async () => {
    const { resolve } = at('127.0.0.1');
    const fetch = createOutboundFetch({ allow: ['hooks.internal', '127.0.0.2'], resolve });
    expect(await faultOf(fetch(`http://evil.hooks.internal:${port}/`))).toBe('refused');
    expect(connections).toBe(0);
  });
});

describe('what the operator allows', () => {
  test('a host by its name, over http, wherever it is', async () => {
    const { resolve } = at('127.0.0.1');
    const fetch = createOutboundFetch({ allow: ['Hooks.Internal'], resolve });
    const response = await fetch(`http://hooks.internal:${port}/`);
    expect([response.status, await response.json()]).toEqual([200, { here: true }]);
    expect(connections).toBe(1);
  });

  test.each(['127.0.0.1', '127.0.0.0/8'])('a network: %s', async (entry) => {
    const { resolve } = at('127.0.0.1');
    const fetch = createOutboundFetch({ allow: [entry], resolve });
    expect((await fetch(`http://hooks.internal:${port}/`)).status).toBe(200);
    expect((await fetch(`http://127.0.0.1:${port}/`)).status).toBe(200);
    expect(await faultOf(fetch(`http://[::1]:${port}/`))).toBe('refused');
    expect(connections).toBe(2);
  });
});

describe('an answer', () => {
  const fetch = createOutboundFetch({ allow: ['127.0.0.1'] });
  const call = (options = {}) => fetch(`http://127.0.0.1:${port}/here`, options);

  test('that leads elsewhere is not followed', async () => {
    const paths: (string | undefined)[] = [];
    answer = (req, res) => {
      paths.push(req.url);
      res.writeHead(302, { location: `http://127.0.0.1:${port}/elsewhere` }).end();
    };
    expect(await faultOf(call())).toBe('redirected');
    await settle();
    expect(paths).toEqual(['/here']);
  });

  test('of more than 64 KiB is refused, announced or not', async () => {
    answer = (_req, res) => res.end(Buffer.alloc(64 * 1024, 'a'));
    expect((await (await call()).text()).length).toBe(64 * 1024);
    answer = (_req, res) => res.end(Buffer.alloc(64 * 1024 + 1, 'a'));
    expect(await faultOf(call())).toBe('too-large');
    answer = (_req, res) => {
      res.write(Buffer.alloc(40 * 1024, 'a'));
      res.end(Buffer.alloc(40 * 1024, 'a'));
    };
    expect(await faultOf(call())).toBe('too-large');
  });

  test('that does not begin, or does not end, is not waited for', async () => {
    for (const listener of [
      () => undefined,
      (_req, res) => {
        res.write('{');
        const drip = setInterval(() => res.write(' '), 50);
        res.on('close', () => clearInterval(drip));
      },
    ] satisfies RequestListener[]) {
      answer = listener;
      const hasty = createOutboundFetch({ allow: ['127.0.0.1'], timeoutMs: 300 });
      const began = performance.now();
      expect(await faultOf(hasty(`http://127.0.0.1:${port}/here`))).toBe('timed-out');
      expect(performance.now() - began).toBeLessThan(1_500);
    }
  });

  test('with a failure is an answer', async () => {
    answer = (_req, res) => res.writeHead(503, { 'retry-after': '9' }).end('later');
    const response = await call();
    expect([response.status, response.headers.get('retry-after')]).toEqual([503, '9']);
  });

  test('to a form that was sent', async () => {
    const seen: unknown[] = [];
    answer = (req, res) => {
      req.setEncoding('utf8');
      req.on('data', (text) => {
        seen.push(req.method, req.headers['content-type'], req.headers['user-agent'], text);
      });
      req.on('end', () => res.writeHead(204).end());
    };
    const body = new URLSearchParams({ logout_token: 'a b' });
    const response = await call({ method: 'POST', body });
    expect(response.status).toBe(204);
    expect(seen).toEqual([
      'POST',
      'application/x-www-form-urlencoded;charset=UTF-8',
      'latchkey',
      'logout_token=a+b',
    ]);
  });

  test('does not keep the connection for the next call, which is judged anew', async () => {
    await call();
    await call();
    expect(connections).toBe(2);
  });

  test('that nobody gives', async () => {
    server.closeAllConnections();
    server.close();
    expect(await faultOf(call())).toBe('unreachable');
  });

  test('that the caller no longer wants', async () => {
    answer = () => undefined;
    expect(await faultOf(call({ signal: AbortSignal.timeout(20) }))).toBe('unreachable');
  });
});
