/**
 * The server as a process: it comes up in order (database, schema, keys, seed, listener) and
 * goes down in the reverse one, letting what is in flight finish.
 */
import { chmodSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { createServer as createHttpServer, type Server as HttpServer } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import {
  composeCore,
  composeServer,
  migrationsDirectory,
  type Server,
  type Settled,
} from './compose.js';
import type { Config } from './config/index.js';
import { type DemoSecrets, demoFile } from './flows/demo-shop.js';
import { applyQueueSchema } from './platform/job-queue-schema.js';
import type { Logger } from './platform/logger.js';
import { applyMigrations } from './platform/migrate.js';
import { settle } from './settle.js';

const DRAIN_MS = 10_000;
// Slow senders hold a socket, not a server (CWE-400).
const SOCKET_LIMITS = { headersTimeout: 10_000, requestTimeout: 30_000, maxHeaderSize: 16 * 1024 };

/** A running server. `stop` drains it; calling it again waits for the same end. */
export type Running = { readonly url: string; stop(reason: string): Promise<void> };

/** Starts everything; throws with a one-line message when something is in the way. */
export async function serve(
  config: Config,
  log: Logger,
  say: (line: string) => void,
): Promise<Running> {
  const ground = await settle(config, 'serve');
  const undo: (() => Promise<void>)[] = [() => ground.release()];
  const unwind = async () => {
    for (const step of undo.reverse()) {
      await step().catch((error: unknown) => log.error({ err: error }, 'stopping was not clean'));
    }
    undo.length = 0;
  };

  try {
    const settled = ground.config;
    const { applied } = await applyMigrations({
      connectionString: settled.databaseUrl.reveal(),
      directory: migrationsDirectory,
    });
    if (applied.length > 0) log.info({ applied }, 'the database schema was brought up to date');
    await applyQueueSchema({ url: settled.databaseUrl, log });

    const core = composeCore(settled, log);
    undo.push(() => core.close());
    await core.hasherReady();
    await core.flows.ensureSigningKeys();
    const demo = settled.seed === 'demo' ? await core.flows.seedDemo() : undefined;

    let accepting = true;
    const server = await composeServer(settled, core, { log, demo, accepting: () => accepting });
    undo.push(() => server.close());
    const ops = await listenForOperators(settled, server, log);
    if (ops) undo.push(() => closeServer(ops));
    const listener = await listen(settled, server);
    undo.push(() => closeServer(listener));
    if (demo) writeDemoFile(settled, demo);
    announce(settled, demo, say);

    let stopping: Promise<void> | undefined;
    return {
      url: settled.issuer,
      stop(reason) {
        stopping ??= (async () => {
          accepting = false;
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

async function listen(config: Settled, { app }: Server): Promise<HttpServer> {
  const { host, port, tls } = config.listen;
  const handler = app.callback();
  const server = tls
    ? createHttpsServer(
        {
          ...SOCKET_LIMITS,
          cert: readFileSync(tls.certFile),
          key: readFileSync(tls.keyFile),
          minVersion: 'TLSv1.2',
        },
        handler,
      )
    : createHttpServer(SOCKET_LIMITS, handler);
  await bind(server, port, host);
  return server;
}

/** `/metrics` for this machine alone. A taken default port is no reason not to sell. */
async function listenForOperators(
  config: Settled,
  { metrics }: Server,
  log: Logger,
): Promise<HttpServer | undefined> {
  if (config.opsPort === 0) return undefined;
  const server = createHttpServer(SOCKET_LIMITS, (req, res) => {
    if (req.method !== 'GET' || req.url !== '/metrics') {
      res.writeHead(404).end();
      return;
    }
    metrics.render().then(
      ({ contentType, body }) => res.writeHead(200, { 'content-type': contentType }).end(body),
      () => res.writeHead(500).end(),
    );
  });
  try {
    await bind(server, config.opsPort, '127.0.0.1');
    return server;
  } catch (error) {
    log.warn({ reason: String(error) }, '/metrics is not served');
    return undefined;
  }
}

function bind(server: HttpServer, port: number, host: string): Promise<AddressInfo> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      reject(
        error.code === 'EADDRINUSE'
          ? new Error(`Port ${port} is already in use; set PORT to another one`)
          : error.code === 'EACCES'
            ? new Error(`Port ${port} needs more privileges; set PORT to one above 1024`)
            : error,
      );
    });
    server.listen(port, host, () => resolve(server.address() as AddressInfo));
  });
}

/** No new connections; idle ones go at once, busy ones get their answer, stragglers ten seconds. */
async function closeServer(server: HttpServer): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeIdleConnections();
  const sweep = setInterval(() => server.closeIdleConnections(), 100);
  const limit = setTimeout(() => server.closeAllConnections(), DRAIN_MS);
  await closed;
  clearInterval(sweep);
  clearTimeout(limit);
}

/** Readable by its owner only, and never half written. */
function writeDemoFile(config: Settled, demo: DemoSecrets): void {
  mkdirSync(config.dataDir, { recursive: true });
  const path = join(config.dataDir, 'demo.json');
  const draft = `${path}.${process.pid}`;
  writeFileSync(draft, `${JSON.stringify(demoFile(config.issuer, demo), null, 2)}\n`, {
    mode: 0o600,
  });
  chmodSync(draft, 0o600);
  renameSync(draft, path);
}

function announce(
  config: Settled,
  demo: DemoSecrets | undefined,
  say: (line: string) => void,
): void {
  say(`Latchkey is ready at ${config.issuer}`);
  say(`  Discovery  ${config.issuer}/.well-known/openid-configuration`);
  if (config.showMailbox) say(`  Mailbox    ${config.issuer}/dev/mailbox`);
  if (!demo) return;
  const { users } = demoFile(config.issuer, demo) as {
    users: Record<string, { email: string; password: string; roles?: string[] }>;
  };
  say(
    `  Demo shop  run "npm run demo" for the storefront; all secrets are in ${join(config.dataDir, 'demo.json')}`,
  );
  for (const [name, user] of Object.entries(users)) {
    if (!user.roles) say(`  Log in as  ${user.email}  ${user.password}  (${name})`);
  }
}
