/**
 * Accounts that a stranger prepares for somebody who will come later, in the five forms that are
 * known of it (Sudhodanan and Paverd, "Pre-hijacked accounts", USENIX Security 2022). There is no
 * identity provider from elsewhere here: where the paper has one, the owner's other way in is a
 * letter.
 */
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { type Owner, ownerAt } from '../support/account.js';
import { askForCode, awaitCode } from '../support/email-change.js';
import { passkeyDevice } from '../support/passkey-device.js';
import { freshCode, post, redemption } from '../support/protocol.js';
import { askForLetter, awaitLink, openLink } from '../support/recovery.js';
import { askToRegister, awaitInvitation } from '../support/registration.js';
import { startServer, type TestServer } from '../support/server.js';
import { type Browser, follow, hiddenField } from '../support/shopper.js';
import {
  browserAt,
  openLogin,
  openPeople,
  PASSWORD,
  type People,
  type Person,
  sendForm,
} from '../support/sign-in.js';

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

const OWN = 'copper lantern hums at midnight';

let server: TestServer;
let people: People;
let nets = 0;

beforeAll(async () => {
  const env = { LATCHKEY_TRUSTED_PROXIES: '127.0.0.1/32', LATCHKEY_BOT_CHALLENGE: 'off' };
  server = await startServer({ env });
  people = await openPeople(server);
});
afterAll(async () => {
  await people?.close();
  await server?.stop();
});

const newBrowser = (): Browser => {
  nets += 1;
  return browserAt(server, `10.${nets >> 8}.${nets & 255}.14`);
};
const newEmail = () => `${randomBytes(6).toString('hex')}@fernhill.example`;

/** An account at somebody's address that nobody has proven; a stranger has its password. */
async function prepared(options: Parameters<People['add']>[0] = {}): Promise<Person> {
  const person = await people.add(options);
  await people.query('UPDATE accounts SET email_verified = false WHERE id = $1', [person.id]);
  return person;
}
const strangerWith = (person: Person): Owner => ownerAt(server, people, newBrowser(), person);

/** Its owner comes, and takes the way that everybody has: a new password through a letter. */
async function ownerComes({ email }: Person): Promise<Browser> {
  const browser = newBrowser();
  await askForLetter(browser, email);
  const page = await openLink(browser, await awaitLink(server, email));
  const done = await sendForm(browser, page, 'new_password', { new_password: OWN });
  expect(done.location).toContain('/recovery/done');
  return browser;
}
const logIn = async ({ email }: Person, password: string, browser = newBrowser()) =>
  sendForm(browser, await openLogin(server, browser), 'password', { login: email, password });
const isOpen = async (owner: Owner) => {
  const page = await follow(owner.browser, server, await owner.browser.get('/account'));
  return page.body.includes('desk-person');
};
const emailVerified = async (email: string, password: string) => {
  const { code } = await freshCode(
    server,
    { scope: 'openid email' },
    { user: { email, password }, browser: newBrowser() },
  );
  const { json } = await post(server, '/oauth2/token', redemption(code, {}));
  const told = await fetch(`${server.issuer}/oauth2/userinfo`, {
    headers: { authorization: `Bearer ${json.access_token}` },
  });
  return ((await told.json()) as { email_verified?: boolean }).email_verified;
};

describe('somebody who prepares an account for its owner', () => {
  test('1: with a password of theirs, loses it when the owner comes by another way', async () => {
    const person = await prepared();
    expect((await logIn(person, PASSWORD)).status).toBe(303);
    await ownerComes(person);
    expect((await logIn(person, PASSWORD)).status).toBe(422);
    expect((await logIn(person, OWN)).status).toBe(303);
  });

  test('2: with a session that is kept open, loses it', async () => {
    const person = await prepared();
    const stranger = strangerWith(person);
    await stranger.open();
    expect(await isOpen(stranger)).toBe(true);
    await ownerComes(person);
    expect(await isOpen(stranger)).toBe(false);
  });

  test('3: with a second factor, a recovery code or a passkey of theirs, loses them all', async () => {
    const person = await prepared({ app: true });
    const stranger = strangerWith(person);
    const device = passkeyDevice(server.issuer);
    const page = await stranger.open('/account/authenticators/passkeys/new');
    const csrf = hiddenField(page.body, 'csrf');
    const options = await stranger.browser.post('/account/authenticators/passkeys/options', {
      csrf,
    });
    const added = await stranger.browser.post('/account/authenticators/passkeys/new', {
      csrf,
      name: 'a stranger’s',
      passkey: device.create(JSON.parse(options.body)),
    });
    expect(added.status).toBe(303);
    expect(await people.domain.credentials.listPasskeys(person.id)).toHaveLength(1);

    await ownerComes(person);
    expect(await people.domain.credentials.listPasskeys(person.id)).toEqual([]);
    expect(await people.domain.credentials.hasTotp(person.id)).toBe(false);
    expect(await people.domain.credentials.remainingRecoveryCodes(person.id)).toBe(0);
    // Nothing of the stranger's stands between the owner and the shop.
    const back = await logIn(person, OWN);
    expect(back.location).toContain('/oauth2/authorize/');
    const [record] = await people.query(
      "SELECT details FROM audit_events WHERE event = 'address_confirmed' AND subject_id = $1",
      [person.id],
    );
    expect(record).toMatchObject({ details: { credentials: 1, app: true } });
  });

  test('3: of staff, whom an operator gave it, the second factor stays: a mailbox is not enough', async () => {
    const otto = await prepared({ app: true, staff: true });
    await ownerComes(otto);
    expect(await people.domain.credentials.hasTotp(otto.id)).toBe(true);
  });

  test('4: with a change of address under way, gets nothing out of it', async () => {
    // Away from the owner: the code comes too late.
    const person = await prepared();
    const stranger = strangerWith(person);
    const elsewhere = newEmail();
    const form = await askForCode(stranger, elsewhere);
    const code = await awaitCode(server, elsewhere);
    await ownerComes(person);
    await stranger.send(form, 'code', { code });
    expect((await people.domain.identity.findPerson(person.id))?.email).toBe(person.email);

    // To an address whose owner registers meanwhile: it is theirs.
    const thief = ownerAt(server, people, newBrowser(), await people.add());
    const wanted = newEmail();
    const waiting = await askForCode(thief, wanted);
    const right = await awaitCode(server, wanted);
    const newcomer = newBrowser();
    const codePage = await askToRegister(server, newcomer, wanted);
    const { code: invited } = await awaitInvitation(server, wanted, 2);
    const proven = await sendForm(newcomer, codePage, 'code', { code: invited });
    const choose = await follow(newcomer, server, proven);
    await sendForm(newcomer, choose, 'new_password', { new_password: OWN });
    const holder = await people.domain.identity.findByLogin(wanted);
    expect(holder).toBeDefined();
    await thief.send(waiting, 'code', { code: right });
    expect((await people.domain.identity.findByLogin(wanted))?.id).toBe(holder?.id);
    expect((await people.domain.identity.findPerson(thief.person.id))?.email).toBe(
      thief.person.email,
    );
  });

  test('5: with an address that nobody has proven, gets no token that says otherwise', async () => {
    const person = await prepared();
    expect(await emailVerified(person.email, PASSWORD)).toBe(false);
    await ownerComes(person);
    expect(await emailVerified(person.email, OWN)).toBe(true);

    // Whoever registers with somebody's address has no account before it is proven, and a
    // stranger's name for it is gone when its owner comes.
    const victim = newEmail();
    await askToRegister(server, newBrowser(), victim, 'Stranger');
    expect(await people.domain.identity.findByLogin(victim)).toBeUndefined();
    await askToRegister(server, newBrowser(), victim, 'Mara Quill');
    expect(await people.domain.identity.findByLogin(victim)).toBeUndefined();
  });
});
