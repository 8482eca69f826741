/**
 * Codes in letters that stand in for the password, once, in the browser that asked for them. A
 * mailbox is worth what a password is and no more (NIST SP 800-63B section 3.1.3.1 does not take
 * e-mail as a second channel), so a code is never a second factor.
 *
 * Promises: six random digits, stored as an HMAC under the keyring; ten minutes by database time;
 * five tries, each spent before it is looked at; good in the interaction that asked and with the
 * secret of its browser, nowhere else; the newest there is the only one; one use of any number.
 */
import { digest, newBearerValue, newId } from '../../kernel/ids.js';
import type { Keyring } from '../../kernel/keyring.js';
import { CODE_TRIES, createLetterCodes } from '../../kernel/letter-codes.js';
import type { Bytes } from '../../kernel/sealed-box.js';
import type { Db } from '../../platform/postgres.js';

export const EMAIL_CODE_SECONDS = 10 * 60;

/** Where a code counts. */
export type EmailCodePlace = {
  readonly interactionId: string;
  /** What the browser that asked keeps in a cookie. */
  readonly secret: string;
};

/** Whose code it is; an account that nobody has for a name that nobody has. */
export type EmailCodeOwner = {
  readonly accountId: string;
  /** The account's epoch when the code was asked for. */
  readonly securityEpoch: number;
};

export type EmailCodeCheck =
  | ({ readonly kind: 'right'; readonly id: string; readonly failures: number } & EmailCodeOwner)
  | { readonly kind: 'wrong' }
  /** That was the last try. */
  | { readonly kind: 'void' }
  /** Void before, expired, replaced, used, another browser's or never there. */
  | { readonly kind: 'gone' };

export type EmailCodes = ReturnType<typeof createEmailCodes>;

// Not that of codes for another address: the two are worth different things.
const PURPOSE = 'sign-in-code';
const SECRET = /^[A-Za-z0-9_-]{43}$/;

export function createEmailCodes({ db, keyring }: { db: Db; keyring: Keyring }) {
  const store = emailCodeStore(db);
  const codes = createLetterCodes(keyring, PURPOSE);
  const keysOf = ({ interactionId, secret }: EmailCodePlace): Key => ({
    interaction: digest(`${PURPOSE} ${interactionId}`),
    browser: digest(secret),
  });
  const keyOf = (place: EmailCodePlace): Key | undefined =>
    SECRET.test(place.secret) ? keysOf(place) : undefined;

  return {
    /** Makes a code; what the interaction had before is dead from this statement on. */
    async issueEmailCode(
      input: EmailCodeOwner & { readonly interactionId: string },
    ): Promise<{ readonly code: string; readonly secret: string }> {
      const id = newId();
      const secret = newBearerValue();
      const { code, hash: codeHash } = codes.draw(id);
      const { interactionId, accountId, securityEpoch } = input;
      await store.issue(keysOf({ interactionId, secret }), {
        id,
        accountId,
        securityEpoch,
        codeHash,
      });
      return { code, secret };
    },

    /** Whose code is waited for in this browser. Spends nothing. */
    async findEmailCode(place: EmailCodePlace): Promise<EmailCodeOwner | undefined> {
      const key = keyOf(place);
      return key && store.find(key);
    },

    /**
     * Looks at a code. The try is spent first, by itself: of a burst of guesses five are looked
     * at. Call it outside of a transaction, where a roll-back would give the try back.
     */
    async tryEmailCode(place: EmailCodePlace, typed: string): Promise<EmailCodeCheck> {
      const key = keyOf(place);
      const spent = key && (await store.spendTry(key));
      if (!spent) return { kind: 'gone' };
      const { codeHash, tries, ...owner } = spent;
      if (codes.isRight(owner.id, typed, codeHash)) {
        return { kind: 'right', failures: tries - 1, ...owner };
      }
      return { kind: tries >= CODE_TRIES ? 'void' : 'wrong' };
    },

    /**
     * Uses up a code that was right. False: somebody was quicker, or it has run out. Call it in
     * the transaction of what it opens.
     */
    spendEmailCode: async (id: string): Promise<boolean> => (await store.spend(id)) > 0,

    /** Removes one batch of what has run out; returns its size. */
    purgeEmailCodes: (limit: number): Promise<number> => store.purge(limit),
  };
}

type Key = { readonly interaction: Bytes; readonly browser: Bytes };
type Row = EmailCodeOwner & { readonly id: string; readonly codeHash: Bytes };

function emailCodeStore(db: Db) {
  return {
    /** One row an interaction: the newer code takes the place of the older one. */
    async issue({ interaction, browser }: Key, row: Row): Promise<void> {
      await db.$executeRaw`
        INSERT INTO email_codes (id, interaction_hash, browser_hash, account_id, security_epoch,
                                 code_hash, expires_at)
        VALUES (${row.id}::uuid, ${interaction}, ${browser}, ${row.accountId}::uuid,
                ${row.securityEpoch}, ${row.codeHash},
                clock_timestamp() + make_interval(secs => ${EMAIL_CODE_SECONDS}))
        ON CONFLICT (interaction_hash) DO UPDATE
           SET id = excluded.id, browser_hash = excluded.browser_hash,
               account_id = excluded.account_id, security_epoch = excluded.security_epoch,
               code_hash = excluded.code_hash, tries = 0, expires_at = excluded.expires_at,
               used_at = NULL`;
    },

    async find({ interaction, browser }: Key): Promise<EmailCodeOwner | undefined> {
      const rows = await db.$queryRaw<EmailCodeOwner[]>`
        SELECT account_id::text AS "accountId", security_epoch AS "securityEpoch"
          FROM email_codes
         WHERE interaction_hash = ${interaction} AND browser_hash = ${browser}
           AND tries < ${CODE_TRIES}
           AND used_at IS NULL AND expires_at > clock_timestamp()`;
      return rows[0];
    },

    /** Undefined when there is no try left. */
    async spendTry({ interaction, browser }: Key): Promise<(Row & { tries: number }) | undefined> {
      const rows = await db.$queryRaw<(Row & { tries: number })[]>`
        UPDATE email_codes SET tries = tries + 1
         WHERE interaction_hash = ${interaction} AND browser_hash = ${browser}
           AND tries < ${CODE_TRIES}
           AND used_at IS NULL AND expires_at > clock_timestamp()
        RETURNING id::text, account_id::text AS "accountId", security_epoch AS "securityEpoch",
                  code_hash AS "codeHash", tries`;
      return rows[0];
    },

    spend: (id: string): Promise<number> =>
      db.$executeRaw`
        UPDATE email_codes SET used_at = clock_timestamp()
         WHERE id = ${id}::uuid AND used_at IS NULL AND expires_at > clock_timestamp()`,

    purge: (limit: number): Promise<number> =>
      db.$executeRaw`
        DELETE FROM email_codes
         WHERE id IN (SELECT id FROM email_codes WHERE expires_at < now()
                       ORDER BY expires_at LIMIT ${limit} FOR UPDATE SKIP LOCKED)`,
  };
}
