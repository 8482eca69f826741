/**
 * The secrets of a development machine: made once, kept in the data directory with mode 0600.
 * Production never gets here (`config` refuses to start without its own).
 */
import { randomBytes } from 'node:crypto';
import { chmodSync, linkSync, mkdirSync, readFileSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import type { KeyringEntry } from '../kernel/keyring.js';
import { Secret } from '../kernel/secret.js';

const fileShape = z.object({
  keyring: z.array(z.object({ id: z.string(), key: z.string() })).min(1),
  cookieKeys: z.array(z.string()).min(2),
  databasePassword: z.string().min(32),
});

export type LocalSecrets = {
  readonly keyring: Secret<readonly KeyringEntry[]>;
  readonly cookieKeys: Secret<readonly string[]>;
  readonly databasePassword: Secret;
};

/** Reads the secrets of `dataDir`, or makes them. Throws if the file is there but not readable. */
export function loadLocalSecrets(dataDir: string): LocalSecrets {
  mkdirSync(dataDir, { recursive: true });
  const path = join(dataDir, 'secrets.json');
  try {
    createOnce(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
  const parsed = fileShape.safeParse(JSON.parse(readFileSync(path, 'utf8')));
  if (!parsed.success) throw new Error(`${path} is not a secrets file of Latchkey`);
  const { keyring, cookieKeys, databasePassword } = parsed.data;
  return {
    keyring: new Secret(
      keyring.map(({ id, key }) => ({ id, key: new Uint8Array(Buffer.from(key, 'base64')) })),
    ),
    cookieKeys: new Secret(cookieKeys),
    databasePassword: new Secret(databasePassword),
  };
}

/** Written aside and linked into place: a killed process leaves no half file, a second one loses. */
function createOnce(path: string): void {
  const random = (encoding: BufferEncoding) => randomBytes(32).toString(encoding);
  const draft = `${path}.${process.pid}.${randomBytes(4).toString('hex')}`;
  const content = {
    keyring: [{ id: 'local-1', key: random('base64') }],
    cookieKeys: [random('base64url'), random('base64url')],
    databasePassword: random('base64url'),
  };
  writeFileSync(draft, `${JSON.stringify(content, null, 2)}\n`, { mode: 0o600, flag: 'wx' });
  try {
    chmodSync(draft, 0o600);
    linkSync(draft, path);
  } finally {
    unlinkSync(draft);
  }
}
