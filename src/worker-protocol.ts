/**
 * What the primary process and its workers say to each other. Secrets travel here and nowhere
 * else: never as an argument, never in the environment (OWASP ASVS 13.3.1).
 */
import type { Settled } from './compose.js';
import type { Config } from './config/index.js';
import type { DemoSecrets } from './flows/demo-shop.js';
import { Secret } from './kernel/secret.js';

/** What the primary found or made, and a worker cannot read from its environment. */
export type Handover = {
  readonly dataDir: string;
  readonly databaseUrl: string;
  readonly keyring: readonly { readonly id: string; readonly key: string }[];
  readonly cookieKeys: readonly string[];
  readonly demo: DemoSecrets | undefined;
};

export type ToWorker =
  | { readonly kind: 'settled'; readonly handover: Handover }
  | { readonly kind: 'stop'; readonly reason: string };

export type FromWorker =
  | { readonly kind: 'hello' }
  | { readonly kind: 'ready' }
  | { readonly kind: 'failed'; readonly reason: string };

export function packHandover(config: Settled, demo: DemoSecrets | undefined): Handover {
  return {
    dataDir: config.dataDir,
    databaseUrl: config.databaseUrl.reveal(),
    keyring: config.keyring
      .reveal()
      .map(({ id, key }) => ({ id, key: Buffer.from(key).toString('base64') })),
    cookieKeys: config.cookieKeys.reveal(),
    demo,
  };
}

export function unpackHandover(config: Config, handover: Handover): Settled {
  const { dataDir, databaseUrl, keyring, cookieKeys } = handover;
  return {
    ...config,
    dataDir,
    databaseUrl: new Secret(databaseUrl),
    keyring: new Secret(
      keyring.map(({ id, key }) => ({ id, key: new Uint8Array(Buffer.from(key, 'base64')) })),
    ),
    cookieKeys: new Secret(cookieKeys),
  };
}

const toWorker: ReadonlySet<unknown> = new Set(['settled', 'stop']);
const fromWorker: ReadonlySet<unknown> = new Set(['hello', 'ready', 'failed']);

// The metrics library and loaders such as tsx use the same channel, hence the guards.

export function isToWorker(message: unknown): message is ToWorker {
  return toWorker.has((message as { kind?: unknown } | null)?.kind);
}

export function isFromWorker(message: unknown): message is FromWorker {
  return fromWorker.has((message as { kind?: unknown } | null)?.kind);
}
