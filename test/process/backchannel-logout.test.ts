/** The server dies between a log-out and telling of it: whoever comes after it tells. */
import { decodeJwt } from 'jose';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { launch, type Started } from '../support/process.js';
import {
  authorizeUrl,
  type Database,
  ORDERS,
  openDatabase,
  post,
  redemption,
  walk,
} from '../support/protocol.js';
import { openRelyingParty, type RelyingParty } from '../support/relying-party.js';
import { startServer, type TestServer } from '../support/server.js';
import { formAction, hiddenField } from '../support/shopper.js';
import { soon } from '../support/soon.js';

vi.setConfig({ testTimeout: 180_000, hookTimeout: 180_000 });

let server: TestServer;
let database: Database;
let party: RelyingParty;
let running: Started | undefined;

beforeAll(async () => {
  server = await startServer({ env: { LATCHKEY_OUTBOUND_ALLOW: 'localhost' } });
  database = await openDatabase(server);
  party = await openRelyingParty(server, 'linden-shop');
});
afterEach(() => {
  party.notices.length = 0;
  party.answer = 200;
  expect(party.faults).toEqual([]);
});
afterAll(async () => {
  await Promise.all([party?.close(), database?.close()]);
  await running?.end('SIGTERM');
  await server?.stop();
});

const jobs = () =>
  database.query(
    "SELECT attempts, locked_at FROM graphile_worker.jobs WHERE task_identifier = 'backchannel_logout'",
  );

/** Signs somebody in at the client and out again; what their session was called there. */
async function signInAndOut(): Promise<string> {
  const asked = { client_id: party.id, redirect_uri: party.redirectUri, resource: ORDERS };
  const url = authorizeUrl({ ...asked, scope: 'openid orders:read' });
  const { browser, callback } = await walk(server, url);
  const code = callback.searchParams.get('code') ?? '';
  const { json } = await post(server, '/oauth2/token', redemption(code, asked));
  const page = await browser.get('/oauth2/logout');
  const done = await browser.post(formAction(page.body, 'xsrf'), {
    xsrf: hiddenField(page.body, 'xsrf'),
    logout: 'yes',
  });
  expect(done.status).toBe(303);
  return String(decodeJwt(String(json.id_token)).sid);
}
async function kill(): Promise<void> {
  if (running) await running.end('SIGKILL');
  else {
    const gone = new Promise((resolve) => server.process.once('exit', resolve));
    server.process.kill('SIGKILL');
    await gone;
  }
}
/** On the same address, database and keys. */
async function startAgain(): Promise<void> {
  running = launch(server.env);
  await running.ready;
}

test('killed while nobody took the notice, it is told after the next start', async () => {
  await party.deaf();
  const sid = await signInAndOut();
  await kill();
  await party.listen();
  // Whether the first try was made or not, it is due some time; let that be now.
  expect(await jobs()).toHaveLength(1);
  await database.query(
    "UPDATE graphile_worker._private_jobs SET run_at = now(), locked_at = locked_at - interval '6 min'",
  );
  await database.query(
    "UPDATE graphile_worker._private_job_queues SET locked_at = locked_at - interval '6 min'",
  );
  await startAgain();
  await vi.waitFor(() => expect(party.notices.map((told) => told.sid)).toEqual([sid]), soon);
  await vi.waitFor(async () => expect(await jobs()).toEqual([]), soon);
});

test('killed in the middle of telling, it is told again', async () => {
  party.answer = 'hang';
  const sid = await signInAndOut();
  await vi.waitFor(() => expect(party.notices).toHaveLength(1), soon);
  await kill();
  expect(await jobs()).toMatchObject([{ attempts: 1, locked_at: expect.any(Date) }]);
  party.answer = 200;
  // As if five minutes had passed, after which nobody believes that a killed node is still at it.
  for (const table of ['_private_jobs', '_private_job_queues']) {
    await database.query(
      `UPDATE graphile_worker.${table} SET locked_at = locked_at - interval '6 min'`,
    );
  }
  await startAgain();
  await vi.waitFor(() => expect(party.notices).toHaveLength(2), soon);
  await vi.waitFor(async () => expect(await jobs()).toEqual([]), soon);
  expect(party.notices.map((told) => told.sid)).toEqual([sid, sid]);
  expect(party.notices[0]?.jti).not.toBe(party.notices[1]?.jti);
});
