/** Letters on their way: queued with the fact, sent once, tried again, secret while they wait. */
import { randomBytes } from 'node:crypto';
import { Client } from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import {
  createEmailChanges,
  createEmailRequests,
  createIdentity,
} from '../../src/domain/identity/index.js';
import { createMail, FAREWELL_SECONDS, type Letter } from '../../src/domain/mail/index.js';
import { createRegistrations } from '../../src/domain/registrations/index.js';
import { createSendLetter, type Message } from '../../src/flows/send-letter.js';
import { createLetterWriter } from '../../src/jobs/letters.js';
import { createTasks } from '../../src/jobs/queue.js';
import { systemClock } from '../../src/kernel/clock.js';
import { createKeyring } from '../../src/kernel/keyring.js';
import { Secret } from '../../src/kernel/secret.js';
import { type JobQueue, startJobQueue } from '../../src/platform/job-queue.js';
import { applyQueueSchema } from '../../src/platform/job-queue-schema.js';
import { printLetter } from '../../src/platform/letter-press.js';
import { createLogger } from '../../src/platform/logger.js';
import { MailFailed } from '../../src/platform/mailer.js';
import { openPostgres, type Postgres } from '../../src/platform/postgres.js';
import { emptyDatabase, type FreshDatabase, freshDatabase } from '../support/database.js';

const EMAIL = 'mara@fernhill.example';
const keyring = createKeyring([{ id: 'test', key: new Uint8Array(randomBytes(32)) }]);

let database: FreshDatabase;
let postgres: Postgres;
let side: Client;
let reader: string;

const sent: Message[] = [];
const outcomes: string[] = [];
const logLines: string[] = [];
let transport: (message: Message) => Promise<void>;
const running: JobQueue[] = [];

beforeAll(async () => {
  database = await freshDatabase();
  postgres = openPostgres({ url: new Secret(database.url) });
  side = new Client({ connectionString: database.url });
  await side.connect();
  reader = await addPerson(EMAIL);
});

afterAll(async () => {
  await Promise.all([side?.end(), postgres?.close()]);
  await database?.drop();
});

beforeEach(() => {
  for (const list of [sent, outcomes, logLines]) list.length = 0;
  transport = async (message) => {
    sent.push(message);
  };
});

afterEach(async () => {
  await Promise.all(running.splice(0).map((queue) => queue.close()));
  await side.query('DELETE FROM graphile_worker._private_jobs');
});

async function addPerson(email: string): Promise<string> {
  const created = await postgres.transaction((tx) =>
    createIdentity({ db: tx, keyring }).createAccount({
      kind: 'shopper',
      email,
      emailVerified: true,
      profile: {},
    }),
  );
  if (created.kind !== 'created') throw new Error(`${email} is taken`);
  return created.id;
}

/** A node of the server, as far as letters go. */
function startNode(url = database.url): JobQueue {
  const { db } = postgres;
  const queue = startJobQueue({
    url: new Secret(url),
    log: createLogger({ level: 'trace', format: 'json' }, { write: (line) => logLines.push(line) }),
    tasks: createTasks({
      mail: createMail({ db, keyring }),
      sendLetter: createSendLetter({
        identity: {
          ...createIdentity({ db, keyring }),
          ...createEmailRequests({ db, keyring }),
          ...createEmailChanges({ db, keyring }),
        },
        registrations: createRegistrations({ db, keyring }),
        mailer: { send: (message) => transport(message) },
        clock: systemClock,
        render: createLetterWriter({ print: printLetter, issuer: 'https://id.shop.example' }),
      }),
      onLetter: ({ outcome }) => outcomes.push(outcome),
    }),
  });
  running.push(queue);
  return queue;
}

const letterTo = (accountId = reader): Letter => ({
  kind: 'suspicious_sign_in',
  why: ['after_failures', 'new_network'],
  accountId,
  at: new Date('2026-11-22T09:12:00Z'),
  shop: 'Alder & Oak',
  device: 'Firefox on Windows',
  network: '203.0.113.0/24',
});

const enqueue = (letter = letterTo(), once?: string) =>
  postgres.transaction((tx) =>
    createMail({ db: tx, keyring }).enqueue(letter, once === undefined ? {} : { once }),
  );

type JobRow = { id: string; attempts: number; last_error: string | null; key: string | null };

const jobs = async (): Promise<JobRow[]> =>
  (await side.query<JobRow>('SELECT id, attempts, last_error, key FROM graphile_worker.jobs')).rows;

/** What the back-off of seconds, minutes and hours would bring about by itself. */
const hurry = () =>
  side.query(
    'UPDATE graphile_worker._private_jobs SET run_at = now() WHERE run_at > now() AND locked_at IS NULL',
  );

const soon = { timeout: 8_000, interval: 50 };

describe('a letter and the fact it tells about', () => {
  test('are undone together', async () => {
    startNode();
    await expect(
      postgres.transaction(async (tx) => {
        await createMail({ db: tx, keyring }).enqueue(letterTo());
        throw new Error('the fact did not happen');
      }),
    ).rejects.toThrow('did not happen');
    // One that was committed later has been sent: so would the other have been.
    await enqueue({ kind: 'password_changed', accountId: reader, at: new Date() });
    await vi.waitFor(() => expect(sent).toHaveLength(1), soon);
    expect(sent[0]?.subject).toBe('Your id.shop.example password was changed');
    await vi.waitFor(async () => expect(await jobs()).toEqual([]), soon);
  });

  test('are one: with two nodes each letter is sent once', async () => {
    startNode();
    startNode();
    await Promise.all(Array.from({ length: 20 }, () => enqueue()));
    await vi.waitFor(async () => expect(await jobs()).toEqual([]), soon);
    expect(sent).toHaveLength(20);
    expect(sent[0]).toMatchObject({
      to: EMAIL,
      subject: 'New sign-in to your Alder & Oak account',
    });
    expect(sent[0]?.text).toContain('Firefox on Windows');
    expect(sent[0]?.text).toContain('203.0.113.0/24');
    expect(sent[0]?.text).toContain('22 November 2026 at 09:12 UTC');
  });

  test('are told once, however often they are queued under one key while it waits', async () => {
    await Promise.all(Array.from({ length: 5 }, () => enqueue(letterTo(), EMAIL)));
    const other = await addPerson('ivo@fernhill.example');
    await enqueue(letterTo(other), EMAIL);
    const waiting = await jobs();
    expect(waiting).toHaveLength(2);
    expect(JSON.stringify(waiting)).not.toContain('fernhill');
    startNode();
    await vi.waitFor(async () => expect(await jobs()).toEqual([]), soon);
    expect(sent).toHaveLength(2);
    // Told and gone: the next time is another one.
    await enqueue(letterTo(), EMAIL);
    await vi.waitFor(() => expect(sent).toHaveLength(3), soon);
  });
});

describe('a mail server that', () => {
  test('does not answer is asked again, later and later', async () => {
    let failures = 2;
    const delivers = transport;
    transport = async (message) => {
      if (failures > 0) {
        failures -= 1;
        throw new MailFailed('ETIMEDOUT');
      }
      await delivers(message);
    };
    startNode();
    await enqueue();
    await vi.waitFor(async () => expect((await jobs())[0]?.last_error).toBe('ETIMEDOUT'), soon);
    const { rows } = await side.query<{ wait: number }>(
      'SELECT extract(epoch FROM run_at - now())::float AS wait FROM graphile_worker.jobs',
    );
    expect(rows[0]?.wait).toBeGreaterThan(1);
    await vi.waitFor(async () => {
      await hurry();
      expect(await jobs()).toEqual([]);
    }, soon);
    expect(sent).toHaveLength(1);
    expect(outcomes).toEqual(['sent']);
  });

  test('knows no such reader is not asked again', async () => {
    transport = async () => {
      throw new MailFailed('EENVELOPE 550', { permanent: true });
    };
    startNode();
    await enqueue();
    await vi.waitFor(() => expect(outcomes).toEqual(['refused']), soon);
    await vi.waitFor(async () => expect(await jobs()).toEqual([]), soon);
  });

  test('never takes a letter has it given up in the end, and nothing of it is kept', async () => {
    transport = async () => {
      throw new Error(`550 <${EMAIL}>: go away`);
    };
    await enqueue();
    await side.query('UPDATE graphile_worker._private_jobs SET attempts = max_attempts - 1');
    startNode();
    await vi.waitFor(async () => expect(await jobs()).toEqual([]), soon);
    await vi.waitFor(() => expect(logLines.join('')).toContain('given up'), soon);
  });
});

describe('whoever reads', () => {
  test('the tables of the queue learns neither whom nor what a letter is about', async () => {
    transport = async () => {
      throw new Error(`550 <${EMAIL}>: go away`);
    };
    await enqueue(letterTo(), `suspicious:${EMAIL}`);
    startNode();
    await vi.waitFor(async () => expect((await jobs())[0]?.last_error).toBeTruthy(), soon);
    const tables = await side.query<{ name: string }>(
      `SELECT table_name AS name FROM information_schema.tables WHERE table_schema = 'graphile_worker'`,
    );
    let everything = '';
    for (const { name } of tables.rows) {
      const { rows } = await side.query(`SELECT * FROM graphile_worker.${name}`);
      everything += JSON.stringify(rows);
    }
    expect(everything).toContain('send_letter');
    for (const word of ['fernhill', reader, 'suspicious', 'Alder', 'Firefox', '203.0.113', '550']) {
      expect(everything).not.toContain(word);
    }
  });

  test('the log learns no address either', async () => {
    transport = async () => {
      throw new Error(`550 <${EMAIL}>: go away`);
    };
    startNode();
    await enqueue();
    await vi.waitFor(() => expect(logLines.join('')).toContain('tried again'), soon);
    expect(logLines.join('')).not.toMatch(/fernhill|550|sealed/);
  });
});

describe('a farewell', () => {
  const farewell = (at = new Date()): Letter => ({
    kind: 'account_closed',
    to: 'gone@fernhill.example',
    at,
  });

  test('reaches somebody who has no account any more, and its address is read by nobody', async () => {
    await enqueue(farewell());
    const { rows } = await side.query('SELECT * FROM graphile_worker._private_jobs');
    expect(rows).toHaveLength(1);
    expect(JSON.stringify(rows)).not.toMatch(/gone|fernhill|closed/);
    startNode();
    await vi.waitFor(() => expect(sent).toHaveLength(1), soon);
    expect(sent[0]).toMatchObject({ to: 'gone@fernhill.example' });
    await vi.waitFor(async () => expect(await jobs()).toEqual([]), soon);
  });

  test('that finds no mail server is tried again, and after some hours given up', async () => {
    transport = async () => {
      throw new Error('nobody listens');
    };
    await enqueue(farewell());
    startNode();
    await vi.waitFor(async () => expect((await jobs())[0]?.last_error).toBeTruthy(), soon);
    await side.query('DELETE FROM graphile_worker._private_jobs');
    await enqueue(farewell(new Date(Date.now() - FAREWELL_SECONDS * 1000 - 1000)));
    await vi.waitFor(() => expect(outcomes).toEqual(['dropped: undeliverable']), soon);
    await vi.waitFor(async () => expect(await jobs()).toEqual([]), soon);
  });
});

describe('somebody who, by the time it is sent,', () => {
  test('was erased gets nothing', async () => {
    const gone = await addPerson('gone@fernhill.example');
    await enqueue(letterTo(gone));
    await postgres.transaction((tx) => createIdentity({ db: tx, keyring }).forgetPerson(gone));
    startNode();
    await vi.waitFor(() => expect(outcomes).toEqual(['dropped: forgotten']), soon);
    expect(sent).toEqual([]);
  });

  test('was disabled gets nothing', async () => {
    const shut = await addPerson('shut@fernhill.example');
    await enqueue(letterTo(shut));
    await postgres.transaction((tx) =>
      createIdentity({ db: tx, keyring }).setStatus(shut, 'disabled'),
    );
    startNode();
    await vi.waitFor(() => expect(outcomes).toEqual(['dropped: disabled']), soon);
    expect(sent).toEqual([]);
  });
});

describe('a node', () => {
  const cut = (name: string) =>
    side.query(
      'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1',
      [name],
    );

  test('that lost its database goes on where it was, and hears of new letters at once', async () => {
    startNode();
    await enqueue();
    await vi.waitFor(() => expect(sent).toHaveLength(1), soon);
    await cut('latchkey-queue');
    await enqueue();
    await vi.waitFor(() => expect(sent).toHaveLength(2), soon);
  });

  test('that lost it in the middle of a letter neither stops nor sends it twice', async () => {
    let locked: Promise<unknown> = Promise.resolve();
    const delivers = transport;
    transport = async (message) => {
      await delivers(message);
      // The worker is about to say that the letter is gone, on a connection that will be, too.
      void side.query('BEGIN; LOCK TABLE graphile_worker._private_jobs IN EXCLUSIVE MODE');
      locked = new Promise((resolve) => setTimeout(resolve, 300))
        .then(() => cut('latchkey-queue'))
        .then(() => side.query('ROLLBACK'));
    };
    startNode();
    await enqueue();
    await vi.waitFor(() => expect(sent).toHaveLength(1), soon);
    transport = delivers;
    await locked;
    await vi.waitFor(async () => expect(await jobs()).toEqual([]), soon);
    expect(logLines.join('')).toContain('a queue worker lost the database');
    await enqueue();
    await vi.waitFor(() => expect(sent).toHaveLength(2), soon);
  });

  test('that was killed leaves its letter to the others', async () => {
    await enqueue();
    await side.query(
      `UPDATE graphile_worker._private_jobs
          SET locked_by = 'worker-of-the-dead', locked_at = now() - interval '6 minutes', attempts = 1`,
    );
    startNode();
    await vi.waitFor(() => expect(sent).toHaveLength(1), soon);
  });

  test('that stops lets the letter under way be sent', async () => {
    let finish: (() => void) | undefined;
    const delivers = transport;
    transport = async (message) => {
      await new Promise<void>((resolve) => {
        finish = resolve;
      });
      await delivers(message);
    };
    const node = startNode();
    await enqueue();
    await vi.waitFor(() => expect(finish).toBeDefined(), soon);
    const stopped = node.close();
    finish?.();
    await stopped;
    expect(sent).toHaveLength(1);
    expect(await jobs()).toEqual([]);
  });
});

test('nodes that start together on an empty database make one queue', async () => {
  const empty = await emptyDatabase();
  try {
    const url = new Secret(empty.url);
    await Promise.all([1, 2, 3].map(() => applyQueueSchema({ url })));
    await applyQueueSchema({ url });
  } finally {
    await empty.drop();
  }
});
