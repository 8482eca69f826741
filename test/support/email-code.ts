/** A shopper's way in with a code by e-mail, without a screen. */
import { vi } from 'vitest';
import type { Fields } from './protocol.js';
import { type Letter, lettersTo } from './recovery.js';
import type { TestServer } from './server.js';
import type { Browser, Reply } from './shopper.js';
import { openLogin, sendForm } from './sign-in.js';
import { soon } from './soon.js';

/** The code in a letter, empty where there is none. */
export const codeIn = ({ text }: Letter): string =>
  (/^ {4}(\d{3} \d{3})$/m.exec(text)?.[1] ?? '').replace(' ', '');

/** Waits until so many letters with a code have come; gives the newest code. */
export function awaitCode(server: TestServer, email: string, letters = 1): Promise<string> {
  return vi.waitFor(async () => {
    const codes = (await lettersTo(server, email)).map(codeIn).filter(Boolean);
    if (codes.length < letters) throw new Error(`${codes.length} letters to ${email}`);
    return codes[0] ?? '';
  }, soon);
}

/** The page that asks for an address, from a shop's log-in page. */
export async function openEmailCode(
  server: TestServer,
  browser: Browser,
  changes: Fields = {},
): Promise<Reply> {
  const page = await openLogin(server, browser, changes);
  return browser.get(/href="(\/signin\/[\w-]+\/email-code)"/.exec(page.body)?.[1] ?? '/none');
}

/** Asks for a letter and opens the page for the code. */
export async function askForCode(
  server: TestServer,
  browser: Browser,
  login: string,
  changes: Fields = {},
): Promise<Reply> {
  const page = await openEmailCode(server, browser, changes);
  const sent = await sendForm(browser, page, 'login', { login });
  return sent.location ? browser.get(sent.location) : sent;
}

/** Types a code; a next step within the sign-in is opened, what leads out of it is not. */
export const enterCode = (browser: Browser, page: Reply, code: string): Promise<Reply> =>
  sendForm(browser, page, 'code', { code });

/** Six digits that are not these. */
export const anotherCode = (code: string, by = 1): string =>
  String((Number(code) + by) % 1_000_000).padStart(6, '0');
