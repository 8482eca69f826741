/** Guessing in bursts, over two nodes at once: ten guesses are ten guesses, and a code is one. */
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { patiently } from '../support/busy.js';
import { atOnce, postToNode, type WireReply } from '../support/protocol.js';
import { hasRedis, redisUrl } from '../support/redis.js';
import { startServer, type TestServer } from '../support/server.js';
import { openSeverableWire, type SeverableWire } from '../support/severable.js';
import { type Browser, formAction, hiddenField, type Reply } from '../support/shopper.js';
import {
  browserAt,
  codeOf,
  openLogin,
  openPeople,
  PASSWORD,
  type People,
  type Person,
  sendForm,
  WRONG,
} from '../support/sign-in.js';

vi.setConfig({ testTimeout: 300_000, hookTimeout: 180_000 });

const LIMIT = 10;
const ACCOUNTS = 20;
const BURST = 100;

let first: TestServer;
let nodes: readonly TestServer[];
let people: People;
let redis: SeverableWire | undefined;
let nets = 0;

beforeAll(async () => {
  if (hasRedis()) {
    const { port } = new URL(redisUrl());
    redis = await openSeverableWire(() => Number(port || 6379));
  }
  const env = {
    LATCHKEY_BOT_CHALLENGE: 'off',
    LATCHKEY_TRUSTED_PROXIES: '127.0.0.1/32',
    ...(redis ? { REDIS_URL: `redis://127.0.0.1:${redis.port}` } : {}),
  };
  first = await startServer({ env });
  const second = await startServer({ like: first, env: { ...env, LATCHKEY_ISSUER: first.issuer } });
  nodes = [first, second];
  people = await openPeople(first);
});
afterAll(async () => {
  await people.close();
  await nodes[1]?.stop();
  await first.stop();
  await redis?.close();
});

/** A form that is ready to be sent, any number of times and to any node. */
type Form = {
  readonly path: string;
  readonly csrf: string;
  readonly headers: Record<string, string>;
};

const newIp = () => {
  nets += 1;
  return `10.9.${nets}.7`;
};

function formOf(browser: Browser, page: Reply, field: string, ip: string): Form {
  const path = formAction(page.body, field);
  const cookie = [...browser.cookies]
    .filter(([, kept]) => path.startsWith(kept.path))
    .map(([name, { value }]) => `${name.split('|')[0]}=${value}`)
    .join('; ');
  const csrf = hiddenField(page.body, 'csrf');
  return { path, csrf, headers: { cookie, 'x-forwarded-for': ip, accept: 'text/html' } };
}

async function loginForm(): Promise<Form> {
  const ip = newIp();
  const browser = browserAt(first, ip);
  return formOf(browser, await openLogin(first, browser), 'password', ip);
}

/** Twenty browsers, one after the other: so many right passwords at once would be a burst. */
async function twentyForms(person: Person, kind: 'code' | 'recovery_code'): Promise<Form[]> {
  const forms: Form[] = [];
  while (forms.length < 20) forms.push(await codeForm(person, kind));
  return forms;
}

/** A browser that stands at the page that asks for a code. */
async function codeForm(person: Person, kind: 'code' | 'recovery_code'): Promise<Form> {
  const ip = newIp();
  const browser = browserAt(first, ip);
  const login = { login: person.email, password: PASSWORD };
  let page = await sendForm(browser, await openLogin(first, browser), 'password', login);
  if (kind === 'recovery_code') {
    page = await browser.get(page.body.match(/href="([^"]*use=recovery)"/)?.[1] ?? '');
  }
  return formOf(browser, page, kind, ip);
}

const send = (at: number, form: Form, fields: Record<string, string>): Promise<WireReply> =>
  postToNode(
    nodes[at % nodes.length] as TestServer,
    form.path,
    { csrf: form.csrf, ...fields },
    form.headers,
  );

const lookedAt = async ({ id }: Person): Promise<number> => {
  const [row] = await people.query(
    `SELECT count(*)::int AS n FROM audit_events
      WHERE subject_id = $1 AND details->>'reason' = 'wrong_password'`,
    [id],
  );
  return Number(row?.n);
};

const counterCount = async (): Promise<number> =>
  Number((await people.query('SELECT count(*)::int AS n FROM guess_counters'))[0]?.n);

const count = (replies: readonly WireReply[], status: number) =>
  replies.filter((reply) => reply.status === status).length;

/** Nothing but answers that are meant: refused, locked, in, or too busy to look. */
const expectPlain = (replies: readonly WireReply[]) => {
  const meant = [303, 422, 429, 503];
  expect(replies.map(({ status }) => status).filter((one) => !meant.includes(one))).toEqual([]);
};

describe('two nodes, one account', () => {
  test('of two hundred wrong guesses at once, ten are looked at', async () => {
    const person = await people.add();
    const form = await loginForm();
    const replies = await atOnce(200, (at) =>
      send(at, form, { login: person.email, password: `${WRONG} ${at}` }),
    );
    expectPlain(replies);
    expect(await lookedAt(person)).toBeLessThanOrEqual(LIMIT);
    expect(await lookedAt(person)).toBeGreaterThan(0);
    expect(count(replies, 422)).toBe(await lookedAt(person));
    const right = await send(0, form, { login: person.email, password: PASSWORD });
    expect(right.status).toBe(429);
  });

  test('a right guess in a burst buys nothing that ten guesses would not', async () => {
    let entered = 0;
    for (let account = 0; account < ACCOUNTS; account += 1) {
      const person = await people.add();
      const form = await loginForm();
      const hidden = (account * 37 + 11) % BURST;
      const replies = await atOnce(BURST, (at) =>
        send(at, form, {
          login: person.email,
          password: at === hidden ? PASSWORD : `${WRONG} ${at}`,
        }),
      );
      expectPlain(replies);
      const got = count(replies, 303);
      entered += got;
      // Not in: it was not among the first ten. In: those before it are taken back, no more.
      expect(await lookedAt(person)).toBeLessThanOrEqual(got > 0 ? 2 * LIMIT - 1 : LIMIT);
      expect(got).toBeLessThanOrEqual(1);
      expect(replies[hidden]?.status === 303).toBe(got === 1);
    }
    // Ten of a hundred are looked at, so about one in ten gets in.
    expect(entered).toBeLessThanOrEqual(ACCOUNTS / 2);
  });

  test('a right guess forgives what was before it, not what came after it', async () => {
    for (let account = 0; account < 5; account += 1) {
      const person = await people.add();
      const form = await loginForm();
      const guess = (at: number, password: string) =>
        send(at, form, { login: person.email, password });
      const counters = await counterCount();
      const right = guess(0, PASSWORD);
      // It holds the first slot before any other is sent: one that overtook it would be forgiven.
      while ((await counterCount()) === counters) await new Promise((go) => setTimeout(go, 1));
      // Nine more while it is being looked at: with it, all ten are spent.
      const replies = await atOnce(LIMIT - 1, (at) => guess(at, `${WRONG} ${at}`));
      expect((await right).status).toBe(303);
      const later = await loginForm();
      for (let turn = 0; turn < 2 * LIMIT; turn += 1) {
        const password = `${WRONG} later ${turn}`;
        replies.push(await send(turn, later, { login: person.email, password }));
      }
      // Ten in a row after it, whichever came when. A counter that starts anew gives 19. On a
      // machine too busy to look at one, that one is spent as well.
      expect(await lookedAt(person)).toBeLessThanOrEqual(LIMIT);
      expect((await lookedAt(person)) + count(replies, 503)).toBeGreaterThanOrEqual(LIMIT);
    }
  });

  test.skipIf(!hasRedis())('losing Redis in the middle of it gives nobody more', async () => {
    const person = await people.add();
    const form = await loginForm();
    let answered = 0;
    const replies = await atOnce(120, async (at) => {
      // In four waves, so that there is a middle.
      while (answered < Math.floor(at / 30) * 30) await new Promise((go) => setTimeout(go, 5));
      const reply = await send(at, form, { login: person.email, password: `${WRONG} ${at}` });
      answered += 1;
      if (answered === 45) await redis?.cut();
      return reply;
    });
    expectPlain(replies);
    expect(await lookedAt(person)).toBeLessThanOrEqual(LIMIT);
    const right = await send(1, form, { login: person.email, password: PASSWORD });
    expect(right.status).toBe(429);
    await redis?.mend();
  });
});

describe('two nodes, one code', () => {
  test('a code from the app is used by one of twenty', async () => {
    const person = await people.add({ app: true });
    const forms = await twentyForms(person, 'code');
    const code = codeOf(person.secret);
    const replies = await atOnce(20, (at) =>
      patiently(() => send(at, forms[at] as Form, { code })),
    );
    expectPlain(replies);
    expect(count(replies, 303)).toBe(1);
  });

  test('a recovery code is used by one of twenty', async () => {
    const person = await people.add({ app: true });
    const [code = ''] = await people.domain.credentials.replaceRecoveryCodes(person.id);
    const forms = await twentyForms(person, 'recovery_code');
    const replies = await atOnce(20, (at) =>
      patiently(() => send(at, forms[at] as Form, { recovery_code: code })),
    );
    expectPlain(replies);
    expect(count(replies, 303)).toBe(1);
  });

  test('one page sent twenty times signs in once', async () => {
    const person = await people.add({ app: true });
    const form = await codeForm(person, 'code');
    const code = codeOf(person.secret);
    const replies = await atOnce(20, (at) => patiently(() => send(at, form, { code })));
    expect(count(replies, 303)).toBe(1);
  });
});
