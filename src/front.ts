/** The composed server behind its public listener: what one serving process consists of. */
import type { Core, Settled } from './compose.js';
import { composeServer } from './compose-server.js';
import type { DemoSecrets } from './flows/demo-shop.js';
import { closeListener, listenForEverybody } from './listen.js';
import type { Logger } from './platform/logger.js';
import type { Metrics } from './platform/metrics.js';

export type Front = {
  readonly metrics: Metrics;
  /** Turns not ready, lets what is in flight finish, then lets go. */
  close(): Promise<void>;
};

export async function openFront(
  config: Settled,
  core: Core,
  parts: { readonly log: Logger; readonly demo: DemoSecrets | undefined },
): Promise<Front> {
  let accepting = true;
  const server = await composeServer(config, core, { ...parts, accepting: () => accepting });
  try {
    const listener = await listenForEverybody(
      config.listen,
      server.app.callback(),
      config.mutualTls,
    );
    return {
      metrics: server.metrics,
      async close() {
        accepting = false;
        await closeListener(listener);
        await server.close();
      },
    };
  } catch (error) {
    await server.close();
    throw error;
  }
}
