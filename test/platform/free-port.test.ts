/** Ports that nobody's outgoing connection will sit on. */
import { once } from 'node:events';
import { createServer } from 'node:net';
import { expect, test } from 'vitest';
import { freePort } from '../../src/platform/free-port.js';

test('are drawn from below those of which connections are made, and can be listened on', async () => {
  const ports = await Promise.all(Array.from({ length: 20 }, () => freePort()));
  expect(ports.filter((port) => port < 10_240 || port > 32_767)).toEqual([]);
  expect(new Set(ports).size).toBeGreaterThan(10);
  const server = createServer().listen(ports[0], '127.0.0.1');
  await once(server, 'listening');
  expect(await freePort(ports[0])).not.toBe(ports[0]);
  server.close();
  await once(server, 'close');
  expect(await freePort(ports[0])).toBe(ports[0]);
});
