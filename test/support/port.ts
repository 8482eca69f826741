/** Ports of this machine: ones to listen at, and whether somebody does. */
import { createConnection } from 'node:net';
import { freePort as anyFreePort } from '../../src/platform/free-port.js';

const given = new Set<number>();
/** Files run side by side: each side has the odd ports or the even ones. */
const side = Number(process.env.VITEST_POOL_ID ?? 0) % 2;

/**
 * A port for whoever begins to listen at it in a while: neither handed out here before nor to be
 * had by the tests that run beside this one, and none that an outgoing connection is made from.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = await anyFreePort();
    if (port % 2 !== side || given.has(port)) continue;
    given.add(port);
    return port;
  }
}

/** Whether somebody listens there. */
export function isOpen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection(port, '127.0.0.1');
    const done = (open: boolean) => {
      socket.destroy();
      resolve(open);
    };
    socket.once('connect', () => done(true));
    socket.once('error', () => done(false));
  });
}
