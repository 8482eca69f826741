/** A wire to a server that the test can cut, or let fall silent, and mend again. */
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { freePort } from './server.js';

export type SeverableWire = {
  readonly port: number;
  /** Every connection breaks and none can be made. */
  cut(): Promise<void>;
  /** Connections stay and can be made, but nothing goes through any more. */
  silence(): void;
  /** As good as new; what was silenced is broken off. */
  mend(): Promise<void>;
  close(): Promise<void>;
};

/** Opens a wire from a port of this machine to another one. */
export async function openSeverableWire(target: () => number): Promise<SeverableWire> {
  const ends = new Set<Socket>();
  let silent = false;
  let server: Server;

  const accept = (near: Socket) => {
    const far = silent ? undefined : connect(target(), '127.0.0.1');
    for (const end of [near, far]) {
      if (!end) continue;
      ends.add(end);
      end.on('error', () => undefined);
      end.on('close', () => {
        ends.delete(end);
        near.destroy();
        far?.destroy();
      });
    }
    if (!far) return;
    near.on('data', (chunk) => silent || far.write(chunk));
    far.on('data', (chunk) => silent || near.write(chunk));
  };
  const listen = (port: number) =>
    new Promise<number>((resolve, reject) => {
      server = createServer(accept);
      server.once('error', reject);
      server.listen(port, '127.0.0.1', () => resolve((server.address() as AddressInfo).port));
    });
  const breakAll = () => {
    for (const end of ends) end.destroy();
  };
  const stop = () =>
    new Promise<void>((resolve) => {
      if (!server.listening) return resolve();
      server.close(() => resolve());
      breakAll();
    });

  // From below those that anybody's connections are made from: it has to be free again later.
  const port = await listen(await freePort());
  return {
    port,
    cut: stop,
    silence() {
      silent = true;
    },
    async mend() {
      silent = false;
      breakAll();
      if (!server.listening) await listen(port);
    },
    close: stop,
  };
}
