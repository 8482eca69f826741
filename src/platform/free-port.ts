/**
 * A port of this machine that stays free. What the system hands out when asked for any port is
 * from the range of which outgoing connections are made as well (32768 and up on Linux, 49152 on
 * others): minutes later one of those may sit on it. So ports are drawn from below.
 */
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';

const LOOPBACK = '127.0.0.1';
const LOWEST = 10_240;
const HIGHEST = 32_767;
const DRAWS = 20;

/**
 * A port on 127.0.0.1 nobody listens on at this moment.
 *
 * @param preferred taken if it is free
 * @throws the system's error when it has none at all
 */
export async function freePort(preferred?: number): Promise<number> {
  const draws = Array.from({ length: DRAWS }, () => randomInt(LOWEST, HIGHEST + 1));
  for (const port of preferred ? [preferred, ...draws] : draws) {
    const found = await tryPort(port).catch(() => undefined);
    if (found !== undefined) return found;
  }
  return tryPort(0);
}

async function tryPort(port: number): Promise<number> {
  const server = createServer();
  server.listen({ host: LOOPBACK, port, exclusive: true });
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('an address without a port');
  return address.port;
}
