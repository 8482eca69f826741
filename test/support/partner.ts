/** A partner's own https server, which answers as a test tells it to. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createAuthority, SERVER_AUTH } from './certificates.js';

export type Partner = {
  /** `https://localhost:PORT` and the same by its address. */
  readonly url: string;
  readonly numericUrl: string;
  /** The certificate of its authority, for `NODE_EXTRA_CA_CERTS`. */
  readonly authority: string;
  /** The paths it was asked for, in turn. */
  readonly calls: string[];
  /** Answers with this status and JSON from now on, after `wait`. */
  answer(status: number, body: unknown, wait?: Promise<unknown>): void;
  close(): Promise<void>;
};

export async function openPartner(): Promise<Partner> {
  const authority = await createAuthority('CN=Partners');
  const issued = await authority.issue({
    name: 'CN=localhost',
    alternatives: [
      { type: 'dns', value: 'localhost' },
      { type: 'ip', value: '127.0.0.1' },
    ],
    purposes: [SERVER_AUTH],
  });
  const scratch = await mkdtemp(join(tmpdir(), 'latchkey-partner-'));
  const certificate = join(scratch, 'authority.pem');
  await writeFile(certificate, authority.cert);
  const calls: string[] = [];
  let next: { status: number; body: unknown; wait?: Promise<unknown> | undefined } = {
    status: 200,
    body: [],
  };
  const server = createServer({ cert: issued.cert, key: issued.key }, (req, res) => {
    calls.push(req.url ?? '');
    const { status, body, wait } = next;
    void Promise.resolve(wait).then(() => {
      res.writeHead(status, { 'content-type': 'application/json' });
      res.end(JSON.stringify(body));
    });
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const address = server.address();
  const port = typeof address === 'object' ? address?.port : 0;
  return {
    url: `https://localhost:${port}`,
    numericUrl: `https://127.0.0.1:${port}`,
    authority: certificate,
    calls,
    answer(status, body, wait) {
      next = { status, body, wait };
    },
    async close() {
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
      await rm(scratch, { recursive: true, force: true });
    },
  };
}
