/**
 * A shopper wants to sign in with a code by e-mail (OWASP ASVS 6.3.8). What they see, and how
 * long it takes, is the same whether the address has an account that may have one or not: a name
 * that nobody has, and one of staff or of a disabled account, gets a made-up account, and from
 * there on the same statements write the same rows. Its letter is dropped when it is to be sent.
 */
import { isEmailAddress } from '../../domain/identity/index.js';
import type { Clock } from '../../kernel/clock.js';
import type { Domain } from '../domain.js';
import {
  createLetterGate,
  type LetterForm,
  type LetterGatePage,
  type LetterGateParts,
} from '../letter-gate.js';
import type { Visitor } from '../sign-in/index.js';

export type CodeRequestPage =
  | LetterForm<'address'>
  /** The network's limit; an account's own is never told. */
  | LetterGatePage
  /** The secret goes into a cookie: the code counts where it is, and nowhere else. */
  | { readonly kind: 'sent'; readonly secret: string };

export type CodeRequestForm = {
  readonly interactionId: string;
  readonly client: { readonly id: string; readonly name: string };
  readonly login: string;
  /** Of a code that was asked for in this browser before. */
  readonly secret: string | undefined;
  readonly puzzle: string | undefined;
  readonly patience: string | undefined;
};

export type RequestEmailCode = ReturnType<typeof createRequestEmailCode>;

const LETTERS_PER_HOUR = 3;
// Three an hour, all day, would be one right guess for every 2,800 accounts.
const LETTERS_PER_DAY = 10;
const HOUR = 3600;

export function createRequestEmailCode(parts: LetterGateParts & { readonly clock: Clock }) {
  const { domain, transact, clock } = parts;
  const gate = createLetterGate(parts, (interactionId) => `email-code ${interactionId}`);

  /** Whom it is for, and why it is for nobody. Both are always worked out. */
  async function readerOf(login: string) {
    const found = await domain.identity.findByLogin(login);
    const nobody = { accountId: domain.identity.standInFor(login), securityEpoch: 0 };
    const refusal = refusalOf(found);
    return {
      known: found?.id,
      nobody,
      owner:
        found && !refusal ? { accountId: found.id, securityEpoch: found.securityEpoch } : nobody,
      refusal,
    };
  }

  return {
    /** The empty form. */
    look: (interactionId: string, visitor: Visitor): Promise<CodeRequestPage> =>
      gate.look(interactionId, visitor),

    async submit(form: CodeRequestForm, visitor: Visitor): Promise<CodeRequestPage> {
      const { interactionId, client } = form;
      if (!isEmailAddress(form.login)) return gate.look(interactionId, visitor, 'address');
      const held = await gate.pass(interactionId, visitor, form);
      if (held) return held;

      const { known, nobody, owner, refusal } = await readerOf(form.login);
      return transact(async ({ risk, credentials, audit, mail }): Promise<CodeRequestPage> => {
        const flood = await isFlood(risk, owner.accountId);
        const reason = refusal ?? (flood ? 'limit' : undefined);
        await audit.record({
          event: 'sign_in_code_requested',
          result: reason === undefined ? 'success' : 'failure',
          actor: { kind: 'anonymous' },
          ...(known === undefined ? {} : { subjectId: known }),
          clientId: client.id,
          origin: visitor.origin,
          ...(reason === undefined ? {} : { details: { reason } }),
        });
        if (flood) {
          // The last code stays good where it was asked for. Elsewhere there is one that nobody
          // gets: a page without any would tell that others have asked for this account's.
          const { secret = '' } = form;
          if (await credentials.findEmailCode({ interactionId, secret })) {
            return { kind: 'sent', secret };
          }
          const idle = await credentials.issueEmailCode({ interactionId, ...nobody });
          return { kind: 'sent', secret: idle.secret };
        }
        const { code, secret } = await credentials.issueEmailCode({ interactionId, ...owner });
        await mail.enqueue({
          kind: 'sign_in_code',
          accountId: owner.accountId,
          code,
          at: clock.now(),
          shop: client.name,
          clientId: client.id,
          device: visitor.deviceLabel,
          language: visitor.language,
        });
        return { kind: 'sent', secret };
      });
    },
  };
}

/** Why an account may not have a code; staff need a password and a second factor. */
function refusalOf(
  found: Awaited<ReturnType<Domain['identity']['findByLogin']>>,
): 'unknown_name' | 'disabled' | 'staff' | undefined {
  if (!found) return 'unknown_name';
  if (found.status !== 'active') return 'disabled';
  return found.kind === 'staff' ? 'staff' : undefined;
}

/** Counts a letter, and says whether it is one too many. */
async function isFlood(risk: Domain['risk'], accountId: string): Promise<boolean> {
  if ((await risk.countUse('code-letter', accountId, HOUR)) > LETTERS_PER_HOUR) return true;
  // Only what was sent counts for the day: else ten requests at once would use it up.
  return (await risk.countUse('code-letter-a-day', accountId, 24 * HOUR)) > LETTERS_PER_DAY;
}
