/**
 * An owner moves the account to another e-mail address (OWASP ASVS 6.3.6). The new one has to
 * answer with a code before anything changes, and whoever reads the old one hears of it and can
 * undo it for 72 hours: a thief with a found browser moves the address first of all, for with it
 * go the letters that would tell on them.
 *
 * Whether the new address has an account already is nothing to tell: the same statements write
 * the same rows for each, and only the letter, when it leaves the queue, finds out. Once the code
 * is right, whoever else is in the account has to leave: links in older letters are dead, and the
 * security epoch rises, as with a change of password.
 */
import { canonicalLogin, isEmailAddress } from '../../domain/identity/index.js';
import type { Clock } from '../../kernel/clock.js';
import type { FlowParts } from '../domain.js';
import type { LetterLimit } from '../letter-gate.js';
import type { Visitor } from '../sign-in/index.js';
import type { Owner } from './owner.js';

export type RequestEmailResult =
  | { readonly kind: 'sent' }
  /** No address, or the one the account has. */
  | { readonly kind: 'refused'; readonly problem: 'address' | 'same' }
  /** Too many letters, of the account or of the network; an address's own limit is never told. */
  | {
      readonly kind: 'limited';
      readonly by: 'account' | 'network';
      readonly retryAfterSeconds: number;
    };

export type ConfirmEmailResult =
  | { readonly kind: 'changed' }
  | { readonly kind: 'wrong-code' }
  /** Too many wrong ones, too late, or replaced: it has to be begun again. */
  | { readonly kind: 'gone' }
  /** Another account has the address; who reads its letters may know. */
  | { readonly kind: 'taken' }
  /** Access was taken back, or the address changed, while this was being looked at. */
  | { readonly kind: 'overtaken' };

export type ChangeEmail = ReturnType<typeof createChangeEmail>;

const LETTERS_PER_HOUR = 3;
const HOUR = 3600;

/** Rolls the transaction back. */
class Refused extends Error {
  constructor(readonly kind: 'taken' | 'overtaken') {
    super(kind);
  }
}

export function createChangeEmail(
  parts: FlowParts & { readonly clock: Clock; readonly letters: LetterLimit },
) {
  const { domain, transact, letters, clock } = parts;

  const aboutOf = ({ accountId }: Owner, { origin }: Visitor) =>
    ({ actor: { kind: 'account', id: accountId }, subjectId: accountId, origin }) as const;

  return {
    /** The address that waits for its code in this session. */
    async waiting({ accountId, sessionUid }: Owner): Promise<string | undefined> {
      return (await domain.identity.findOwnEmailRequest(accountId, sessionUid))?.email;
    },

    async request(owner: Owner, visitor: Visitor, typed: string): Promise<RequestEmailResult> {
      const { accountId, sessionUid, securityEpoch } = owner;
      if (!isEmailAddress(typed)) return { kind: 'refused', problem: 'address' };
      const address = canonicalLogin(typed);
      if (address === canonicalLogin(owner.email)) return { kind: 'refused', problem: 'same' };
      const verdict = await letters.add(visitor.origin.ip);
      if (verdict.kind === 'limited') return { ...verdict, by: 'network' };

      // Addresses with and without an account have a made-up id alike.
      const mailbox = domain.identity.standInFor(address);
      return transact(async ({ identity, risk, audit, mail }): Promise<RequestEmailResult> => {
        const own = await risk.countUse('email-letter', accountId, HOUR);
        const flood = own > LETTERS_PER_HOUR;
        // Several accounts must not fill one mailbox between them.
        const flooded =
          !flood && (await risk.countUse('email-letter', mailbox, HOUR)) > LETTERS_PER_HOUR;
        await audit.record({
          event: 'email_change_requested',
          result: flood || flooded ? 'failure' : 'success',
          ...aboutOf(owner, visitor),
          ...(flood || flooded ? { details: { reason: 'limit' } } : {}),
        });
        // The last letter stays good.
        if (flood) return { kind: 'limited', by: 'account', retryAfterSeconds: HOUR };
        const begun = await identity.requestEmail({
          accountId,
          securityEpoch,
          sessionUid,
          email: typed,
          withoutCode: flooded,
        });
        if (!flooded) {
          await mail.enqueue({
            kind: 'email_code',
            emailRequestId: begun.id,
            code: begun.code,
            at: clock.now(),
            device: visitor.deviceLabel,
            language: visitor.language,
          });
        }
        return { kind: 'sent' };
      });
    },

    /** Looks at a code; the right one changes the address. */
    async confirm(owner: Owner, visitor: Visitor, code: string): Promise<ConfirmEmailResult> {
      const { accountId, sessionUid, securityEpoch } = owner;
      const about = aboutOf(owner, visitor);
      const tried = await domain.identity.tryEmailCode(accountId, sessionUid, code);
      if (tried.kind === 'wrong') return { kind: 'wrong-code' };
      if (tried.kind === 'void') {
        await transact(({ audit }) =>
          audit.record({ event: 'email_change_void', result: 'failure', ...about }),
        );
      }
      if (tried.kind !== 'right') return { kind: 'gone' };

      try {
        await transact(async ({ identity, credentials, grants, risk, audit, mail }) => {
          // First of all: of any number of parallel uses the others wait here, and find it raised.
          const provenAt = await identity.advanceSecurityEpoch(accountId, securityEpoch);
          if (provenAt === undefined) throw new Refused('overtaken');
          const applied = await identity.applyEmail(accountId, tried.requestId);
          if (applied.kind === 'gone') throw new Refused('overtaken');
          if (applied.kind === 'name-taken') throw new Refused('taken');
          const links = await credentials.voidLinks(accountId);
          // The proof behind this session is five minutes old at most, and says what it said.
          const { kept, ...ended } = await grants.endOthers(accountId, sessionUid, {
            at: provenAt,
          });
          const distrusted = await risk.distrustDevices(accountId);
          await audit.record({
            event: 'email_changed',
            result: 'success',
            ...about,
            details: { ...ended, distrusted, links, kept },
          });
          const { deviceLabel: device, language } = visitor;
          const circumstances = { at: clock.now(), device, language };
          const { changeId: emailChangeId, undoToken } = applied;
          await mail.enqueue({
            kind: 'email_left',
            emailChangeId,
            ...(undoToken === undefined ? {} : { token: undoToken }),
            ...circumstances,
          });
          await mail.enqueue({ kind: 'email_changed', accountId, ...circumstances });
        });
      } catch (error) {
        if (error instanceof Refused) return { kind: error.kind };
        throw error;
      }
      return { kind: 'changed' };
    },
  };
}
