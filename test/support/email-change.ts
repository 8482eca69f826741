/** Somebody's way to another address, and back, without a screen. */
import { vi } from 'vitest';
import type { Owner } from './account.js';
import { type Letter, lettersTo } from './recovery.js';
import type { TestServer } from './server.js';
import type { Browser, Reply } from './shopper.js';
import { soon } from './soon.js';

export const codeIn = ({ text }: Letter): string =>
  (/^ {4}(\d{3} \d{3})$/m.exec(text)?.[1] ?? '').replace(' ', '');

/** The address in a letter that leads back to an old address. */
export const undoIn = ({ text }: Letter): string =>
  /\bhttps?:\/\/\S+\/restore-email\/\S+/.exec(text)?.[0] ?? '';

/** Waits until so many letters hold what is looked for; gives the newest. */
function awaitIn(find: (letter: Letter) => string) {
  return (server: TestServer, email: string, letters = 1): Promise<string> =>
    vi.waitFor(async () => {
      const found = (await lettersTo(server, email)).map(find).filter(Boolean);
      if (found.length < letters) throw new Error(`${found.length} letters to ${email}`);
      return found[0] ?? '';
    }, soon);
}

export const awaitCode = awaitIn(codeIn);
export const awaitUndo = awaitIn(undoIn);

/** Asks for a letter to the new address and opens the page for the code. */
export async function askForCode(owner: Owner, email: string): Promise<Reply> {
  const page = await owner.open('/account/email');
  const sent = await owner.send(page, 'email', { email });
  return sent.location ? owner.browser.get(sent.location) : sent;
}

/** The whole way to the new address; gives the link in the old one's letter. */
export async function moveTo(server: TestServer, owner: Owner, email: string): Promise<string> {
  const before = await owner.browser.get('/account');
  const old = /<bdi>([^<]+@[^<]+)<\/bdi>/.exec(before.body)?.[1] ?? owner.person.email;
  const page = await askForCode(owner, email);
  const done = await owner.send(page, 'code', { code: await awaitCode(server, email) });
  if (done.status !== 303) throw new Error(`${done.status} ${done.body}`);
  await owner.answer(done);
  return awaitUndo(server, old);
}

/** Opens a link as a browser does: to the page behind the redirect. */
export async function openUndo(browser: Browser, link: string): Promise<Reply> {
  const moved = await browser.get(new URL(link).pathname);
  return moved.location ? browser.get(moved.location) : moved;
}
