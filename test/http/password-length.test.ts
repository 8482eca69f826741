/** A shop's own least length of passwords: every page that asks for one says it, and means it. */
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { ownerAt } from '../support/account.js';
import { askForLetter, awaitLink, openLink } from '../support/recovery.js';
import {
  askToRegister,
  awaitInvitation,
  openInvitation,
  typeCode,
} from '../support/registration.js';
import { startServer, type TestServer } from '../support/server.js';
import { openBrowser, type Reply } from '../support/shopper.js';
import { openPeople, type People, sendForm } from '../support/sign-in.js';

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

/** Fifteen characters: good enough where nothing is set, one short of sixteen. */
const SHORT = 'vhu9kp-tz4q-wm7';
const LONG = `${SHORT}x`;

let server: TestServer;
let people: People;

beforeAll(async () => {
  server = await startServer({
    env: { LATCHKEY_PASSWORD_MIN_LENGTH: '16', LATCHKEY_BOT_CHALLENGE: 'off' },
  });
  people = await openPeople(server);
});
afterAll(async () => {
  await people?.close();
  await server?.stop();
});

const newEmail = () => `${randomBytes(6).toString('hex')}@fernhill.example`;

/** What the field for the new password says of itself, and what its strength meter counts to. */
const told = ({ body }: Reply) => ({
  hint: /id="new-password-hint"[^>]*>([^<]*)</.exec(body)?.[1]?.trim(),
  meter: /data-strength-of="new-password" data-least="(\d+)"/.exec(body)?.[1],
});

/** Page, refusal and acceptance, with whatever else the form asks for. */
async function expectSixteen(
  page: Reply,
  choose: (page: Reply, password: string) => Promise<Reply>,
): Promise<void> {
  const sixteen = { hint: expect.stringContaining('16 characters'), meter: '16' };
  expect(told(page)).toEqual(sixteen);
  const refused = await choose(page, SHORT);
  expect(refused.status).toBe(422);
  expect(refused.body).toContain('The password must have at least 16 characters.');
  expect(told(refused)).toEqual(sixteen);
  expect((await choose(refused, LONG)).status).toBe(303);
}

describe('with passwords of at least sixteen characters', () => {
  test('a forgotten one is replaced by one of sixteen', async () => {
    const { email } = await people.add();
    const browser = openBrowser(server);
    expect((await askForLetter(browser, email)).status).toBe(200);
    const page = await openLink(browser, await awaitLink(server, email));
    await expectSixteen(page, (form, password) =>
      sendForm(browser, form, 'new_password', { new_password: password }),
    );
  });

  test('a newcomer chooses one of sixteen on the way to the shop', async () => {
    const email = newEmail();
    const browser = openBrowser(server);
    const asked = await askToRegister(server, browser, email);
    const page = await typeCode(browser, asked, (await awaitInvitation(server, email)).code);
    await expectSixteen(page, (form, password) =>
      sendForm(browser, form, 'new_password', { new_password: password }),
    );
  });

  test('and behind the link in the letter, in another browser', async () => {
    const email = newEmail();
    await askToRegister(server, openBrowser(server), email);
    const { link } = await awaitInvitation(server, email);
    const browser = openBrowser(server);
    await expectSixteen(await openInvitation(browser, link), (form, password) =>
      sendForm(browser, form, 'new_password', { new_password: password }),
    );
  });

  test('an owner changes theirs for one of sixteen', async () => {
    const person = await people.add();
    const owner = ownerAt(server, people, openBrowser(server), person);
    await expectSixteen(await owner.open('/account/password'), (form, password) =>
      owner.send(form, 'new_password', {
        current_password: person.password,
        new_password: password,
      }),
    );
  });
});
