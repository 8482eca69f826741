/**
 * What guessing costs beyond one account: whole networks, known devices, the short check, and a
 * server that has more to hash than it can. Limits are on, as in production.
 */
import { randomBytes } from 'node:crypto';
import { availableParallelism } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { atOnce } from '../support/protocol.js';
import { startServer, type TestServer } from '../support/server.js';
import { type Browser, formAction, hiddenField, type Reply } from '../support/shopper.js';
import {
  browserAt,
  openLogin,
  openPeople,
  PASSWORD,
  type People,
  type Person,
  sendForm,
  WRONG,
} from '../support/sign-in.js';

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

const PROXY = { LATCHKEY_TRUSTED_PROXIES: '127.0.0.1/32' };
const DEVICE = 'latchkey_device';

let server: TestServer;
let people: People;
let nets = 0;

beforeAll(async () => {
  server = await startServer({ env: { ...PROXY, LATCHKEY_BOT_CHALLENGE: 'off' } });
  people = await openPeople(server);
});
afterAll(async () => {
  await people.close();
  await server.stop();
});

const newIp = (): string => {
  nets += 1;
  return `10.${7 + (nets >> 8)}.${nets & 255}.7`;
};
const newName = () => `${randomBytes(6).toString('hex')}@alder-oak.example`;
const elsewhere = (at: TestServer = server): Browser => browserAt(at, newIp());

const send = (browser: Browser, page: Reply, login: string, password: string, waitToken = '') =>
  sendForm(browser, page, 'password', {
    login,
    password,
    ...(waitToken ? { wait_token: waitToken } : {}),
  });

/** One guess on a page of its own. */
const guess = async (browser: Browser, login: string, password: string): Promise<Reply> =>
  send(browser, await openLogin(server, browser), login, password);

/** Guesses on one page, each with a name of its own; all are answered alike. */
async function guessNames(browser: Browser, count: number, at = server): Promise<Reply> {
  const page = await openLogin(at, browser);
  for (let turn = 0; turn < count; turn += 1) {
    const reply = await send(browser, page, newName(), WRONG);
    expect([reply.status, turn]).toEqual([422, turn]);
  }
  return page;
}

/** Forgets the session; the device stays known. */
function logOut(browser: Browser): Browser {
  for (const name of [...browser.cookies.keys()]) {
    if (!name.startsWith(DEVICE)) browser.cookies.delete(name);
  }
  return browser;
}

/** A browser in which this person has been logged in before. */
async function homeOf(person: Person, ip = newIp()): Promise<Browser> {
  const browser = browserAt(server, ip);
  expect((await guess(browser, person.email, PASSWORD)).status).toBe(303);
  expect(browser.cookies.has(`${DEVICE}|/`)).toBe(true);
  return logOut(browser);
}

const expectLimited = (reply: Reply, seconds: number) => {
  expect(reply.status).toBe(429);
  const wait = Number(reply.headers.get('retry-after'));
  expect(wait).toBeGreaterThan(0);
  expect(wait).toBeLessThanOrEqual(seconds);
};

describe('a network that tries many names', () => {
  test('waits after thirty, even with a right password, and nobody else does', async () => {
    const ip = newIp();
    const person = await people.add();
    const home = await homeOf(person, ip);
    const stranger = browserAt(server, ip);
    const page = await guessNames(stranger, 30);
    expectLimited(await send(stranger, page, newName(), WRONG), 600);
    expectLimited(await send(stranger, page, person.email, PASSWORD), 600);
    expectLimited(await guess(browserAt(server, ip), person.email, PASSWORD), 600);
    // Somebody who has been in from this browser is no stranger to this network.
    expect((await guess(home, person.email, PASSWORD)).status).toBe(303);
    expect((await guess(elsewhere(), person.email, PASSWORD)).status).toBe(303);
  });

  test('is one network, whichever of the addresses of an IPv6 line it uses', async () => {
    const at = (host: number) => browserAt(server, `2001:db8:0:1::${host.toString(16)}`);
    const page = await openLogin(server, at(1));
    expect(page.status).toBe(200);
    for (let turn = 0; turn < 30; turn += 1) {
      expect((await guess(at(turn), newName(), WRONG)).status).toBe(422);
    }
    const person = await people.add();
    expectLimited(await guess(at(99), person.email, PASSWORD), 600);
    const neighbour = browserAt(server, '2001:db8:0:2::1');
    expect((await guess(neighbour, person.email, PASSWORD)).status).toBe(303);
  });

  test('never waits for what succeeds: a shop full of people comes in by one address', async () => {
    const ip = newIp();
    for (let turn = 0; turn < 40; turn += 1) {
      const person = await people.add();
      const reply = await guess(browserAt(server, ip), person.email, PASSWORD);
      expect([reply.status, turn]).toEqual([303, turn]);
    }
    expect((await guess(browserAt(server, ip), newName(), WRONG)).status).toBe(422);
  });
});

describe('a server without declared proxies', () => {
  let direct: TestServer;
  beforeAll(async () => {
    direct = await startServer({ like: server, env: { LATCHKEY_BOT_CHALLENGE: 'off' } });
  });
  afterAll(async () => {
    await direct.stop();
  });

  test('believes no header: with a new address in each request it is the same network', async () => {
    const person = await people.add();
    const browser = elsewhere(direct);
    const page = await openLogin(direct, browser);
    const headers = () => ({
      'x-forwarded-for': newIp(),
      'x-real-ip': newIp(),
      forwarded: `for=${newIp()}`,
    });
    const tell = (login: string, password: string) =>
      browser.post(
        formAction(page.body, 'password'),
        { csrf: hiddenField(page.body, 'csrf'), login, password },
        headers(),
      );
    for (let turn = 0; turn < 30; turn += 1) {
      expect([(await tell(newName(), WRONG)).status, turn]).toEqual([422, turn]);
    }
    expectLimited(await tell(person.email, PASSWORD), 600);
  });
});

describe('a known device', () => {
  test('has ten guesses of its own, and strangers have theirs', async () => {
    const owner = await people.add();
    const home = await homeOf(owner);
    const page = await openLogin(server, home);
    for (let turn = 0; turn < 10; turn += 1) {
      expect([(await send(home, page, owner.email, WRONG)).status, turn]).toEqual([422, turn]);
    }
    expectLimited(await send(home, page, owner.email, WRONG), 1800);
    expectLimited(await send(home, page, owner.email, PASSWORD), 1800);
    expect((await guess(elsewhere(), owner.email, WRONG)).status).toBe(422);
    expect((await guess(elsewhere(), owner.email, PASSWORD)).status).toBe(303);
  });

  /** Spends the ten guesses that all strangers to an account have together. */
  async function burn({ email }: Person): Promise<void> {
    for (let turn = 0; turn < 10; turn += 1) {
      expect((await guess(elsewhere(), email, WRONG)).status).toBe(422);
    }
    expectLimited(await guess(elsewhere(), email, PASSWORD), 1800);
  }

  test('is known by a signed cookie only', async () => {
    const owner = await people.add();
    const home = await homeOf(owner);
    await burn(owner);
    const token = home.cookies.get(`${DEVICE}|/`)?.value ?? '';
    const signature = home.cookies.get(`${DEVICE}.sig|/`)?.value ?? '';
    expect(token).toMatch(/^[\w-]{43}$/);
    expect(signature).not.toBe('');
    const flip = (text: string) => (text.startsWith('A') ? 'B' : 'A') + text.slice(1);
    const forged: [string, string | undefined][] = [
      [token, flip(signature)],
      [token, undefined],
      [`${flip(token)}.${token}`, signature],
    ];
    for (const [value, signed] of forged) {
      const thief = elsewhere();
      thief.cookies.set(`${DEVICE}|/`, { value, path: '/' });
      if (signed) thief.cookies.set(`${DEVICE}.sig|/`, { value: signed, path: '/' });
      expectLimited(await guess(thief, owner.email, PASSWORD), 1800);
    }
    expect((await guess(home, owner.email, PASSWORD)).status).toBe(303);
  });

  test('is a stranger to every other account', async () => {
    const [owner, other] = [await people.add(), await people.add()];
    const home = await homeOf(other);
    for (let turn = 0; turn < 5; turn += 1) {
      expect((await guess(home, owner.email, WRONG)).status).toBe(422);
      expect((await guess(elsewhere(), owner.email, WRONG)).status).toBe(422);
    }
    // Both have spent the same ten.
    expectLimited(await guess(home, owner.email, PASSWORD), 1800);
    expectLimited(await guess(elsewhere(), owner.email, PASSWORD), 1800);
    expect((await guess(home, other.email, PASSWORD)).status).toBe(303);
  });
});

describe('more log-ins at once than can be hashed', () => {
  test('are refused in part, for two seconds, and cost nobody a guess', async () => {
    // One guess away from their lock: a slot that is not given back would close it.
    const nearly: { person: Person; browser: Browser; page: Reply }[] = [];
    for (let turn = 0; turn < 20; turn += 1) {
      const person = await people.add();
      for (let guesses = 0; guesses < 9; guesses += 1) {
        await people.domain.risk.reserveGuess({
          subject: { accountId: person.id },
          factor: 'password',
        });
      }
      const browser = elsewhere();
      nearly.push({ person, browser, page: await openLogin(server, browser) });
    }
    const crowd = elsewhere();
    const page = await openLogin(server, crowd);
    const many = Math.max(180, 90 * availableParallelism());
    // The owners come when the first stranger is refused: the queue is full then, however fast
    // this machine takes requests in.
    let nowFull = (): void => undefined;
    const full = new Promise<void>((resolve) => {
      nowFull = resolve;
    });
    const [strangers, owners] = await Promise.all([
      atOnce(many, async () => {
        const reply = await crowd.post(
          formAction(page.body, 'password'),
          { csrf: hiddenField(page.body, 'csrf'), login: newName(), password: WRONG },
          { 'x-forwarded-for': newIp() },
        );
        if (reply.status === 503) nowFull();
        return reply;
      }),
      full.then(() =>
        atOnce(nearly.length, (at) => {
          const { browser, page: own, person } = nearly[at] as (typeof nearly)[number];
          return send(browser, own, person.email, PASSWORD);
        }),
      ),
    ]);

    expect(new Set(strangers.map(({ status }) => status))).toEqual(new Set([422, 503]));
    const refused = [...strangers, ...owners].filter(({ status }) => status === 503);
    for (const reply of refused) {
      expect(reply.headers.get('retry-after')).toBe('2');
      expect(reply.location).toBeUndefined();
      expect(reply.headers.getSetCookie().filter((line) => /session|device/.test(line))).toEqual(
        [],
      );
      expect(reply.body).toContain('name="password"');
    }
    expect(owners.map(({ status }) => status).filter((one) => ![303, 503].includes(one))).toEqual(
      [],
    );

    const turnedAway = nearly.filter((_one, at) => owners[at]?.status === 503);
    expect(turnedAway.length).toBeGreaterThan(0);
    for (const { person, browser, page: own } of turnedAway) {
      expect(browser.cookies.has(`${DEVICE}|/`)).toBe(false);
      expect((await send(browser, own, person.email, PASSWORD)).status).toBe(303);
    }
  });
});

describe('where the short check is on', () => {
  let careful: TestServer;
  beforeAll(async () => {
    careful = await startServer({ like: server, env: PROXY });
  });
  afterAll(async () => {
    await careful.stop();
  });

  test('ten failures of a network bring it up for everybody there, and nowhere else', async () => {
    const ip = newIp();
    const stranger = browserAt(careful, ip);
    const page = await guessNames(stranger, 9, careful);
    expect((await openLogin(careful, browserAt(careful, ip))).body).not.toContain('wait_token');
    expect((await send(stranger, page, newName(), WRONG)).status).toBe(422);
    const fresh = await openLogin(careful, browserAt(careful, ip));
    expect(fresh.status).toBe(200);
    expect(hiddenField(fresh.body, 'wait_token')).not.toBe('');
    expect(fresh.body).toContain('data-puzzle');
    const away = await openLogin(careful, elsewhere(careful));
    expect(away.status).toBe(200);
    expect(away.body).not.toContain('wait_token');
  });

  /** What a stranger can tell answers apart by, without what is random in each. */
  const shape = (reply: Reply, login: string) => ({
    status: reply.status,
    headers: [...reply.headers.keys()].filter((name) => name !== 'set-cookie').sort(),
    cookies: reply.headers
      .getSetCookie()
      .map((line) => line.split('=')[0])
      .sort(),
    body: reply.body
      .replaceAll(login, 'login')
      .replace(/nonce="[^"]*"/g, '')
      .replace(/\/signin\/[\w-]+|\?from=[\w-]+/g, '')
      .replace(/name="(csrf|wait_token)" value="[^"]+"/g, '$1')
      .replace(/data-puzzle="[^"]+"/g, 'puzzle')
      .replace(/[0-9a-f-]{36}/g, 'id')
      .replace(/in \d+ minutes|\d\d:\d\d UTC/g, 'later'),
  });

  /** Eleven guesses, each with what the page asks for, and the check page in between. */
  async function elevenGuesses(login: string, right: string): Promise<Reply[]> {
    const browser = elsewhere(careful);
    const page = await openLogin(careful, browser);
    const replies = [page];
    for (let turn = 0; turn < 3; turn += 1) {
      replies.push(await send(browser, page, login, WRONG));
    }
    // Without an answer nothing is looked at; each refusal brings a token for later.
    const tokens: string[] = [];
    for (let turn = 0; turn < 8; turn += 1) {
      const reply = await send(browser, page, login, turn === 0 ? right : WRONG);
      tokens.push(hiddenField(reply.body, 'wait_token'));
      replies.push(reply);
    }
    replies.push(await send(browser, page, login, WRONG, tokens[0]));
    await sleep(6_100);
    for (const token of tokens) replies.push(await send(browser, page, login, WRONG, token));
    replies.push(await send(browser, page, login, right));
    replies.push(await openLogin(careful, browser));
    return replies;
  }

  test('names that exist and names that do not are answered alike, up to the lock', async () => {
    const person = await people.add();
    const nobody = newName();
    const [known, unknown] = await Promise.all([
      elevenGuesses(person.email, PASSWORD),
      elevenGuesses(nobody, PASSWORD),
    ]);
    const wrong = Array(3).fill(422);
    const checks = Array(9).fill(422);
    const answered = Array(7).fill(422);
    expect(known.map(({ status }) => status)).toEqual([
      ...[200, ...wrong, ...checks, ...answered],
      ...[429, 429, 200],
    ]);
    for (const check of known.slice(4, 13)) expect(check.body).toContain('one short check');
    for (const [turn, reply] of known.entries()) {
      expect({ turn, ...shape(reply, person.email) }).toEqual({
        turn,
        ...shape(unknown[turn] as Reply, nobody),
      });
    }
  });
});
