/**
 * The server as a process: it comes up in order (database, schema, keys, seed, listener) and
 * goes down in the reverse one, letting what is in flight finish.
 */
import { composeCore, migrationsDirectory, type Settled } from './compose.js';
import type { Config } from './config/index.js';
import { demoLines, writeDemoFile } from './demo-note.js';
import type { DemoSecrets } from './flows/demo-shop.js';
import { openFront } from './front.js';
import { closeListener, listenForOperators } from './listen.js';
import { applyQueueSchema } from './platform/job-queue-schema.js';
import type { Logger } from './platform/logger.js';
import type { MetricsPage } from './platform/metrics.js';
import { applyMigrations } from './platform/migrate.js';
import { settle } from './settle.js';
import { packHandover } from './worker-protocol.js';
import { startWorkers } from './workers.js';

/** A running server. `stop` drains it; calling it again waits for the same end. */
export type Running = { readonly url: string; stop(reason: string): Promise<void> };

type Undo = (() => Promise<void>)[];

/** Starts everything; throws with a one-line message when something is in the way. */
export async function serve(
  config: Config,
  log: Logger,
  say: (line: string) => void,
): Promise<Running> {
  const undo: Undo = [];
  const unwind = async () => {
    for (const step of undo.splice(0).reverse()) {
      await step().catch((error: unknown) => log.error({ err: error }, 'stopping was not clean'));
    }
  };

  try {
    const ground = await settle(config, 'serve');
    undo.push(() => ground.release());
    const settled = ground.config;
    const { demo, metrics } = await (settled.workers > 1 ? serveTogether : serveAlone)(
      settled,
      log,
      undo,
    );
    await openOperators(settled, metrics, log, undo);
    if (demo) writeDemoFile(settled.dataDir, settled.issuer, demo);
    say(`Latchkey is ready at ${settled.issuer}`);
    say(`  Discovery  ${settled.issuer}/.well-known/openid-configuration`);
    if (settled.showMailbox) say(`  Mailbox    ${settled.issuer}/dev/mailbox`);
    if (demo) demoLines(settled.dataDir, settled.issuer, demo).forEach(say);

    let stopping: Promise<void> | undefined;
    return {
      url: settled.issuer,
      stop(reason) {
        stopping ??= (async () => {
          log.info({ reason }, 'stopping');
          await unwind();
          log.info('stopped');
        })();
        return stopping;
      },
    };
  } catch (error) {
    await unwind();
    throw error;
  }
}

type Serving = { readonly demo: DemoSecrets | undefined; readonly metrics: MetricsPage };

/** Everything in this process. */
async function serveAlone(config: Settled, log: Logger, undo: Undo): Promise<Serving> {
  const { core, demo } = await prepare(config, log, undo);
  const front = await openFront(config, core, { log, demo });
  undo.push(() => front.close());
  return { demo, metrics: front.metrics };
}

/** This process only prepares and watches; its workers serve. */
async function serveTogether(config: Settled, log: Logger, undo: Undo): Promise<Serving> {
  const preparing: Undo = [];
  let demo: DemoSecrets | undefined;
  try {
    ({ demo } = await prepare(config, log, preparing));
  } finally {
    for (const step of preparing) await step();
  }
  const handover = packHandover(config, demo);
  const workers = await startWorkers({ count: config.workers, handover, log });
  undo.push(() => workers.close());
  return { demo, metrics: workers.metrics };
}

/** What is done once before anybody serves: schema, signing keys, seed. */
async function prepare(config: Settled, log: Logger, undo: Undo) {
  const { applied } = await applyMigrations({
    connectionString: config.databaseUrl.reveal(),
    directory: migrationsDirectory,
  });
  if (applied.length > 0) log.info({ applied }, 'the database schema was brought up to date');
  await applyQueueSchema({ url: config.databaseUrl, log });

  const core = composeCore(config, log);
  undo.push(() => core.close());
  await core.hasherReady();
  await core.flows.ensureSigningKeys();
  await core.flows.ensureAccountClient(config.issuer);
  await core.flows.ensureAdminScopes();
  const demo = config.seed === 'demo' ? await core.flows.seedDemo() : undefined;
  return { core, demo };
}

/** A taken default port is no reason not to sell. */
async function openOperators(
  config: Settled,
  metrics: MetricsPage,
  log: Logger,
  undo: Undo,
): Promise<void> {
  if (config.opsPort === 0) return;
  try {
    const listener = await listenForOperators(config.opsPort, metrics);
    undo.push(() => closeListener(listener));
  } catch (error) {
    log.warn({ reason: String(error) }, '/metrics is not served');
  }
}
