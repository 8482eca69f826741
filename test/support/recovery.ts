/** Somebody's way to a new password, without a screen. */
import { vi } from 'vitest';
import type { TestServer } from './server.js';
import type { Browser, Reply } from './shopper.js';
import { sendForm } from './sign-in.js';
import { soon } from './soon.js';

export type Letter = {
  readonly to: string;
  readonly subject: string;
  readonly text: string;
  readonly html: string;
};

/** What is in the development mailbox for an address, the newest first. */
export async function lettersTo(server: TestServer, email: string): Promise<Letter[]> {
  const all = (await (await fetch(`${server.issuer}/dev/mailbox.json`)).json()) as Letter[];
  return all.filter(({ to }) => to.includes(email));
}

/** The address in a letter that leads to a new password. */
export const linkIn = ({ text }: Letter): string =>
  /\bhttps?:\/\/\S+\/recovery\/\S+/.exec(text)?.[0] ?? '';

/** Waits until so many letters with a link have come; gives the newest link. */
export function awaitLink(server: TestServer, email: string, letters = 1): Promise<string> {
  return vi.waitFor(async () => {
    const links = (await lettersTo(server, email)).map(linkIn).filter(Boolean);
    if (links.length < letters) throw new Error(`${links.length} letters to ${email}`);
    return links[0] ?? '';
  }, soon);
}

/** Opens the page and asks for a letter. */
export async function askForLetter(
  browser: Browser,
  login: string,
  headers: Record<string, string> = {},
): Promise<Reply> {
  const page = await browser.get('/recovery', headers);
  return sendForm(browser, page, 'login', { login });
}

/** Opens a link as a browser does: to the page behind the redirect. */
export async function openLink(browser: Browser, link: string): Promise<Reply> {
  const moved = await browser.get(new URL(link).pathname);
  return moved.location ? browser.get(moved.location) : moved;
}
