/**
 * Introspection of a shopper's token (P2): Latchkey on PostgreSQL against oidc-provider as it
 * comes, in memory; and the same token at `/oauth2/verify`. Interleaved rounds; the figures are
 * ratios of CPU time a request.
 *
 *     npx tsx bench/introspection.ts
 */
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { cpuPerRequest, median, type Shot } from './load.js';
import { startBenchServer } from './server.js';

const ROUNDS = 5;
const REQUESTS = 4_000;
const form = { 'content-type': 'application/x-www-form-urlencoded' };
const basic = (id: string, secret: string) => ({
  ...form,
  authorization: `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}`,
});

const server = await startBenchServer();
const stockPort = server.port + 1;
const stock = fork(fileURLToPath(new URL('baselines/stock-provider.ts', import.meta.url)), [
  String(stockPort),
]);
try {
  const { token } = await new Promise<{ token: string }>((resolve, reject) => {
    stock.once('message', (message) => resolve(message as { token: string }));
    stock.once('exit', () => reject(new Error('the stock provider ended')));
  });
  const shots: { name: string; pid: number; shot: Shot }[] = [
    {
      name: 'latchkey',
      pid: server.pid,
      shot: {
        port: server.port,
        path: '/oauth2/introspect',
        method: 'POST',
        headers: basic('demo-orders-api', server.ordersSecret),
        body: `token=${server.accessToken}`,
        expects: '"active":true',
      },
    },
    {
      name: 'verify',
      pid: server.pid,
      shot: {
        port: server.port,
        path: '/oauth2/verify?scope=orders:read',
        method: 'GET',
        headers: {
          authorization: `Bearer ${server.accessToken}`,
          'x-gateway-authorization': basic('demo-orders-api', server.ordersSecret).authorization,
        },
        expects: '',
      },
    },
    {
      name: 'stock',
      pid: stock.pid ?? 0,
      shot: {
        port: stockPort,
        path: '/token/introspection',
        method: 'POST',
        headers: basic('orders-api', 'a'.repeat(43)),
        body: `token=${token}`,
        expects: '"active":true',
      },
    },
  ];
  const micros: Record<string, number[]> = {};
  for (let round = -1; round < ROUNDS; round += 1) {
    for (const { name, pid, shot } of shots) {
      const cost = await cpuPerRequest(pid, shot, REQUESTS);
      // The first round warms both up.
      if (round >= 0) micros[name] = [...(micros[name] ?? []), cost];
    }
  }
  const [ours, theirs] = [median(micros.latchkey ?? []), median(micros.stock ?? [])];
  console.log(
    `introspection, CPU a request: latchkey ${ours.toFixed(0)} µs, stock ${theirs.toFixed(0)} µs`,
  );
  console.log(`stock ÷ latchkey = ${(theirs / ours).toFixed(2)}`);
  const verify = median(micros.verify ?? []);
  console.log(`verify, CPU a request: ${verify.toFixed(0)} µs`);
  console.log(`introspection ÷ verify = ${(ours / verify).toFixed(2)}`);
} finally {
  stock.kill();
  await server.stop();
}
process.exit();
