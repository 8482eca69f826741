/** A person's way to their own account pages, without a screen. */
import type { Database } from './protocol.js';
import type { TestServer } from './server.js';
import { type Browser, follow, type Reply } from './shopper.js';
import { codeOf, formWith, PASSWORD, type People, type Person, sendForm } from './sign-in.js';

export type Owner = ReturnType<typeof ownerAt>;

/** A person at a browser: opens pages of the account area, signing in wherever they are asked to. */
export function ownerAt(server: TestServer, people: People, browser: Browser, person: Person) {
  let password = PASSWORD;
  let secret = person.secret;

  /** Answers the questions of a sign-in until something else is there. */
  async function answer(reply: Reply, remember = false): Promise<Reply> {
    let page = await follow(browser, server, reply);
    if (formWith(page, 'login')) {
      const values = { login: person.email, password };
      page = await follow(browser, server, await sendForm(browser, page, 'password', values));
    }
    // Somebody else was signed in here: a form, which scripts send, ends their session first.
    if (page.body.includes('op.logoutForm') || page.body.includes('name="xsrf"')) {
      page = await follow(browser, server, await sendForm(browser, page, 'xsrf', {}));
    }
    if (page.body.includes('<h1>Enter your code</h1>')) {
      // The code of this half minute may have been used a moment ago; as time would, let it count.
      await people.query('UPDATE totp_credentials SET last_step = 0 WHERE account_id = $1', [
        person.id,
      ]);
      const values = { code: codeOf(secret), ...(remember ? { remember: 'yes' } : {}) };
      page = await follow(browser, server, await sendForm(browser, page, 'code', values));
    }
    return page;
  }

  return {
    browser,
    person,
    answer,
    open: async (path = '/account', remember = false) => answer(await browser.get(path), remember),
    /** Sends a form of a page; what comes back is not followed. */
    send: (page: Reply, field: string, values: Record<string, string> = {}) =>
      sendForm(browser, page, field, values),
    changePassword: async (next: string, current = password) => {
      const page = await answer(await browser.get('/account/password'));
      return sendForm(browser, page, 'new_password', {
        current_password: current,
        new_password: next,
      });
    },
    /** From now on they type this one. */
    nowUses(next: { password?: string; secret?: string }) {
      password = next.password ?? password;
      secret = next.secret ?? secret;
    },
    /** Lets the log-in behind the browser's tokens and session be so many seconds older. */
    grow: (seconds: number) => growLogin(people, person.id, seconds),
  };
}

/** Lets the log-in behind an account's tokens and sessions be so many seconds older. */
export async function growLogin(
  database: Pick<Database, 'query'>,
  accountId: string,
  seconds: number,
): Promise<void> {
  await database.query(
    `UPDATE artifacts
        SET auth_at = auth_at - $2,
            payload = CASE WHEN kind = 'Session'
              THEN jsonb_set(payload, '{loginTs}', to_jsonb((payload->>'loginTs')::int - $2))
              WHEN payload->'extra'->'auth_time' IS NOT NULL
              THEN jsonb_set(payload, '{extra,auth_time}',
                             to_jsonb((payload->'extra'->>'auth_time')::int - $2))
              ELSE payload END
      WHERE account_id = $1 AND payload IS NOT NULL`,
    [accountId, seconds],
  );
}
