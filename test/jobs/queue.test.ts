/** Letters on their way: queued with the fact, sent once, tried again, secret while they wait. */
import { Client } from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { createIdentity } from '../../src/domain/identity/index.js';
import { createMail, FAREWELL_SECONDS, type Letter } from '../../src/domain/mail/index.js';
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
import { emptyDatabase } from '../support/database.js';
import { masterKey, openDomain, type TestDomain } from '../support/domain.js';
import { pngOf } from '../support/png.js';
import { soon } from '../support/soon.js';

const EMAIL = 'mara@fernhill.example';
const key = masterKey('test');
const keyring = createKeyring([key]);

let database: TestDomain;
let world: TestDomain;
let postgres: Postgres;
let side: Client;
let reader: string;

const sent: Message[] = [];
const outcomes: string[] = [];
const logLines: string[] = [];
let transport: (message: Message) => Promise<void>;
const running: JobQueue[] = [];

beforeAll(async () => {
  database = await openDomain({ keys: [key], patient: true });
  world = database;
  postgres = openPostgres({ url: new Secret(database.url) });
  side = new Client({ connectionString: database.url });
  await side.connect();
  reader = await addPerson(EMAIL);
});

afterAll(async () => {
  await Promise.all([side?.end(), postgres?.close()]);
  await database?.close();
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

/** What a node does with a letter, over a pool of its own. */
const senderOver = ({ domain, transact }: TestDomain) =>
  createSendLetter({
    domain,
    transact,
    clock: systemClock,
    mailer: { send: (message) => transport(message) },
    render: createLetterWriter({ print: printLetter, issuer: 'https://id.shop.example' }),
  });

/** A node of the server, as far as letters go. */
function startNode(url = database.url): JobQueue {
  const queue = startJobQueue({
    url: new Secret(url),
    log: createLogger({ level: 'trace', format: 'json' }, { write: (line) => logLines.push(line) }),
    tasks: createTasks({
      mail: world.domain.mail,
      sendLetter: senderOver(world),
      onLetter: ({ outcome }) => outcomes.push(outcome),
      sendLogoutNotice: async () => ({ kind: 'unwanted' }),
      onNotice: () => undefined,
      sendPing: async () => ({ kind: 'unwanted' }),
      onPing: () => undefined,
    }),
  });
  running.push(queue);
  return queue;
}

/** Of a kind that no stranger can cause, so that as many as there are go out. */
const letterTo = (accountId = reader): Letter => ({
  kind: 'second_factor_changed',
  change: 'added',
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
      subject: 'A second step was added to your Alder & Oak account',
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
      'SELECT extract(epoch FROM run_at - updated_at)::float AS wait FROM graphile_worker.jobs',
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
      throw new Error(`550 <${EMAIL}>: box-overflowing`);
    };
    await enqueue();
    await side.query('UPDATE graphile_worker._private_jobs SET attempts = max_attempts - 1');
    startNode();
    await vi.waitFor(async () => expect(await jobs()).toEqual([]), soon);
    await vi.waitFor(() => expect(logLines.join('')).toContain('given up'), soon);
  });
});

describe('an address that was refused', () => {
  const refuse = async () => {
    throw new MailFailed('EENVELOPE 550', { permanent: true });
  };
  const marked = (email = EMAIL) => database.domain.mail.findRefusal(reader, email);
  const letter = () => letterTo();
  const send = () => senderOver(database)(letter());

  test('is marked and recorded, without the address, until a letter is taken', async () => {
    const delivers = transport;
    transport = refuse;
    expect(await send()).toEqual({ kind: 'refused' });
    expect(await marked()).toBeInstanceOf(Date);
    const kept = await database.sql('SELECT * FROM mail_refusals');
    const events = await database.sql(
      "SELECT event, subject_id, details FROM audit_events WHERE event = 'letter_refused' ORDER BY id DESC LIMIT 1",
    );
    expect(events).toEqual([
      {
        event: 'letter_refused',
        subject_id: reader,
        details: { letter: 'second_factor_changed' },
      },
    ]);
    expect(JSON.stringify([kept, events])).not.toContain('fernhill');
    transport = delivers;
    expect(await send()).toEqual({ kind: 'sent' });
    expect(await marked()).toBeUndefined();
  });

  test('is this address and no other of the account', async () => {
    transport = refuse;
    await send();
    expect(await marked('another@fernhill.example')).toBeUndefined();
    expect(await marked()).toBeInstanceOf(Date);
  });

  test('is not marked for a server that only does not answer', async () => {
    await database.sql('DELETE FROM mail_refusals');
    transport = async () => {
      throw new MailFailed('ETIMEDOUT');
    };
    await expect(send()).rejects.toThrow('ETIMEDOUT');
    expect(await marked()).toBeUndefined();
  });
});

describe('letters that a stranger causes', () => {
  const caused = (accountId: string): Letter => ({
    kind: 'suspicious_sign_in',
    why: ['after_failures'],
    accountId,
    at: new Date(),
  });
  const tally = (results: readonly { readonly kind: string }[]) =>
    results.filter(({ kind }) => kind === 'sent').length;

  test('are five an hour of one kind, however many are sent at once on two nodes', async () => {
    const victim = await addPerson('victim@fernhill.example');
    const other = await openDomain({ like: database, keys: [key], patient: true });
    try {
      const nodes = [senderOver(database), senderOver(other)];
      const results = await Promise.all(
        Array.from({ length: 50 }, (_, at) => nodes[at % 2]?.(caused(victim))),
      );
      expect(tally(results.filter((result) => result !== undefined))).toBe(5);
      expect(results.filter((result) => result?.kind === 'dropped')).toHaveLength(45);
      expect(results).toContainEqual({ kind: 'dropped', reason: 'flood' });
    } finally {
      await other.close();
    }
    expect(sent).toHaveLength(5);
    // Neither the next kind nor what tells of a change is kept back by them.
    const send = senderOver(database);
    expect(await send({ kind: 'sign_in_void', accountId: victim, at: new Date() })).toEqual({
      kind: 'sent',
    });
    for (let more = 0; more < 12; more += 1) {
      expect(await send(letterTo(victim))).toEqual({ kind: 'sent' });
    }
    // An hour later there are five again.
    await database.sql("UPDATE guess_counters SET window_ends = now() - interval '1 second'");
    expect(await send(caused(victim))).toEqual({ kind: 'sent' });
  });

  test('are not used up by a mail server that is away', async () => {
    const patient = await addPerson('patient@fernhill.example');
    const send = senderOver(database);
    const delivers = transport;
    transport = async () => {
      throw new MailFailed('ETIMEDOUT');
    };
    for (let tries = 0; tries < 8; tries += 1) {
      await expect(send(caused(patient))).rejects.toThrow('ETIMEDOUT');
    }
    transport = delivers;
    expect(await send(caused(patient))).toEqual({ kind: 'sent' });
  });
});

describe('a letter is written', () => {
  const write = (letter: Letter) => senderOver(database)(letter);
  const changed = (accountId: string, more: Partial<Letter> = {}): Letter =>
    ({ kind: 'password_changed', accountId, at: new Date(), ...more }) as Letter;

  test('in its reader’s own language, else in that of the page, else in English', async () => {
    const own = await postgres.transaction((tx) =>
      createIdentity({ db: tx, keyring }).createAccount({
        kind: 'shopper',
        email: 'keiko@fernhill.example',
        emailVerified: true,
        profile: { locale: 'ja' },
      }),
    );
    if (own.kind !== 'created') throw new Error('taken');
    await write(changed(own.id, { language: 'de' }));
    await write(changed(reader, { language: 'de' }));
    await write(changed(reader));
    expect(sent.map(({ html }) => /<html lang="(\w+)"/.exec(html)?.[1])).toEqual([
      'ja',
      'de',
      'en',
    ]);
  });

  test('in the name and the looks of the shop it is about', async () => {
    const { clients } = database.domain;
    const shops = ['alder', 'quince'];
    for (const id of shops) {
      const draft = {
        id,
        name: id === 'alder' ? 'Alder & Oak' : 'Quince & Fig',
        authMethod: 'none',
        firstParty: true,
        grantTypes: ['authorization_code'],
        redirectUris: [`https://${id}.example/callback`],
      } as const;
      await clients.register(draft);
      // What happened in the account pages is told by the only shop there is.
      if (id === 'alder') await write(changed(reader));
    }
    expect(sent.at(-1)?.subject).toBe('Your Alder & Oak password was changed');
    await write(changed(reader));
    expect(sent.at(-1)?.subject).toBe('Your id.shop.example password was changed');

    const read = clients.readBrand({ accent: '#8a4f1d', logo: { bytes: pngOf(480, 120) } });
    if (read.kind !== 'good') throw new Error(JSON.stringify(read.faults));
    await database.transact((tx) => tx.clients.saveBrand('quince', read.change));
    await write(changed(reader, { clientId: 'quince' }));
    const letter = sent.at(-1);
    expect(letter?.subject).toBe('Your Quince & Fig password was changed');
    expect(letter?.html).toContain('src="cid:logo@latchkey" width="192" height="48"');
    expect(letter?.html).toContain('#8a4f1d');
    expect(letter?.pictures?.map(({ type }) => type)).toEqual(['image/png']);
    expect(
      Buffer.from(letter?.pictures?.[0]?.bytes ?? [])
        .subarray(1, 4)
        .toString(),
    ).toBe('PNG');
  });

  test('not at all when the link in it is no longer the newest', async () => {
    const { credentials } = database.domain;
    const link = async () =>
      (await credentials.issueLink({ accountId: reader, purpose: 'password_reset' })).token;
    const reset = (token: string): Letter => ({
      kind: 'password_reset',
      accountId: reader,
      token,
      at: new Date(),
    });
    const older = await link();
    const newer = await link();
    expect(await write(reset(older))).toEqual({ kind: 'dropped', reason: 'expired' });
    expect(await write(reset(newer))).toEqual({ kind: 'sent' });
    expect(sent).toHaveLength(1);
    expect(sent[0]?.text).toContain(newer);
  });
});

describe('whoever reads', () => {
  test('the tables of the queue learns neither whom nor what a letter is about', async () => {
    transport = async () => {
      throw new Error(`550 <${EMAIL}>: box-overflowing`);
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
    for (const word of [
      'fernhill',
      reader,
      'second_factor',
      'Alder',
      'Firefox',
      '203.0.113',
      'box-overflowing',
    ]) {
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
    expect(logLines.join('')).not.toMatch(/fernhill|box-overflowing|sealed/);
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
    // Longer than what random base64 holds sooner or later.
    expect(JSON.stringify(rows)).not.toMatch(/gone@|fernhill|account_closed/);
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
  // Other tests have nodes of their own on the same PostgreSQL: theirs are left alone.
  const cut = (name: string) =>
    side.query(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE application_name = $1 AND datname = current_database()`,
      [name],
    );

  /** How many connections of the queue stand before a lock. */
  const waitingForLocks = async (): Promise<number> => {
    // Within one transaction the statistics would be those of its first look.
    await side.query('SELECT pg_stat_clear_snapshot()');
    const { rowCount } = await side.query(
      `SELECT 1 FROM pg_stat_activity
        WHERE application_name = 'latchkey-queue' AND datname = current_database()
          AND wait_event_type = 'Lock'`,
    );
    return rowCount ?? 0;
  };

  test('that lost its database goes on where it was, and hears of new letters at once', async () => {
    startNode();
    await enqueue();
    await vi.waitFor(() => expect(sent).toHaveLength(1), soon);
    await cut('latchkey-queue');
    await enqueue();
    await vi.waitFor(() => expect(sent).toHaveLength(2), soon);
  });

  test('that lost it in the middle of a letter neither stops nor sends it twice', async () => {
    let locked: Promise<unknown> | undefined;
    const delivers = transport;
    transport = async (message) => {
      await delivers(message);
      // The worker is about to say that the letter is gone, on a connection that will be, too.
      await side.query('BEGIN; LOCK TABLE graphile_worker._private_jobs IN EXCLUSIVE MODE');
      locked = vi
        .waitFor(async () => expect(await waitingForLocks()).toBeGreaterThan(0), soon)
        .then(() => cut('latchkey-queue'))
        .then(() => side.query('ROLLBACK'));
    };
    startNode();
    await enqueue();
    await vi.waitFor(() => expect(sent).toHaveLength(1), soon);
    await vi.waitFor(() => expect(locked).toBeDefined(), soon);
    transport = delivers;
    await locked;
    await vi.waitFor(async () => expect(await jobs()).toEqual([]), soon);
    await expect.poll(() => logLines.join(''), soon).toContain('a queue worker lost the database');
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
