/** A newcomer's way to an account, without a screen. */
import { vi } from 'vitest';
import { type Letter, lettersTo } from './recovery.js';
import type { TestServer } from './server.js';
import type { Browser, Reply } from './shopper.js';
import { openLogin, sendForm } from './sign-in.js';
import { soon } from './soon.js';

export type Invitation = { readonly code: string; readonly link: string };

/** The code and the link in a letter, empty where there are none. */
export const invitationIn = ({ text }: Letter): Invitation => ({
  code: (/^ {4}(\d{3} \d{3})$/m.exec(text)?.[1] ?? '').replace(' ', ''),
  link: /\bhttps?:\/\/\S+\/register\/\S+/.exec(text)?.[0] ?? '',
});

/** Waits until so many letters with a code have come; gives what stands in the newest. */
export function awaitInvitation(
  server: TestServer,
  email: string,
  letters = 1,
): Promise<Invitation> {
  return vi.waitFor(async () => {
    const all = (await lettersTo(server, email)).map(invitationIn).filter(({ code }) => code);
    const [newest] = all;
    if (!newest || all.length < letters) throw new Error(`${all.length} letters to ${email}`);
    return newest;
  }, soon);
}

/** The page for newcomers, from a shop's log-in page. */
export async function openRegister(server: TestServer, browser: Browser): Promise<Reply> {
  const page = await openLogin(server, browser);
  return browser.get(/href="(\/signin\/[\w-]+\/register)"/.exec(page.body)?.[1] ?? '/none');
}

/** Asks for a letter and opens the page for the code. */
export async function askToRegister(
  server: TestServer,
  browser: Browser,
  email: string,
  name = '',
): Promise<Reply> {
  const page = await openRegister(server, browser);
  const sent = await sendForm(browser, page, 'email', { email, name });
  return sent.location ? browser.get(sent.location) : sent;
}

/** Types a code and opens the page behind it. */
export async function typeCode(browser: Browser, page: Reply, code: string): Promise<Reply> {
  const reply = await sendForm(browser, page, 'code', { code });
  return reply.location ? browser.get(reply.location) : reply;
}

/** Opens a link as a browser does: to the page behind the redirect. */
export async function openInvitation(browser: Browser, link: string): Promise<Reply> {
  const moved = await browser.get(new URL(link).pathname);
  return moved.location ? browser.get(moved.location) : moved;
}
