/**
 * Somebody has forgotten their password and asks for a letter (OWASP Forgot Password Cheat Sheet,
 * ASVS 6.3.8 and 6.4.3). What they see, and how long it takes, is the same whether the address is
 * known, unknown or of a disabled account: a name that nobody has gets a made-up account, and from
 * there on the same statements write the same rows. Its letter is dropped when it is to be sent.
 */
import type { Clock } from '../../kernel/clock.js';
import { ACCOUNT_CLIENT } from '../ensure-account-client.js';
import { createLetterGate, type LetterGatePage, type LetterGateParts } from '../letter-gate.js';
import type { Visitor } from '../sign-in/index.js';

export type RequestPage =
  | { readonly kind: 'sent' }
  /** The network's limit; an account's own is never told. */
  | LetterGatePage;

export type RecoveryRequest = {
  /** What the form and the answer to a challenge are bound to. */
  readonly formId: string;
  readonly login: string;
  readonly puzzle: string | undefined;
  readonly patience: string | undefined;
  /** Where it was begun, if in a sign-in. */
  readonly client: { readonly id: string; readonly name: string } | undefined;
};

export type RequestRecovery = ReturnType<typeof createRequestRecovery>;

const LETTERS_PER_HOUR = 3;
const HOUR = 3600;

export function createRequestRecovery(parts: LetterGateParts & { readonly clock: Clock }) {
  const { domain, transact, clock } = parts;
  const gate = createLetterGate(parts, (formId) => formId);

  return {
    /** The empty form. */
    look: (formId: string, visitor: Visitor): Promise<RequestPage> =>
      gate.look<never>(formId, visitor),

    async submit(request: RecoveryRequest, visitor: Visitor): Promise<RequestPage> {
      const { formId, client } = request;
      const held = await gate.pass(formId, visitor, request);
      if (held) return held;

      // Both are always worked out: what is done for a known name is done for an unknown one.
      const found = await domain.identity.findByLogin(request.login);
      const nobody = domain.identity.standInFor(request.login);
      const accountId = found?.status === 'active' ? found.id : nobody;
      const refusal = found ? (found.status === 'active' ? undefined : 'disabled') : 'unknown_name';

      await transact(async ({ risk, credentials, audit, mail }) => {
        const count = await risk.countUse('reset-letter', accountId, HOUR);
        const flood = count > LETTERS_PER_HOUR;
        const reason = refusal ?? (flood ? 'limit' : undefined);
        await audit.record({
          event: 'password_reset_requested',
          result: reason === undefined ? 'success' : 'failure',
          actor: { kind: 'anonymous' },
          ...(found ? { subjectId: found.id } : {}),
          ...(client ? { clientId: client.id } : {}),
          origin: visitor.origin,
          ...(reason === undefined ? {} : { details: { reason } }),
        });
        // A flood leaves the last link alone: else anybody could keep the owner from using it.
        if (flood) return;
        const { token } = await credentials.issueLink({
          accountId,
          purpose: 'password_reset',
          clientId: client?.id,
        });
        await mail.enqueue({
          kind: 'password_reset',
          accountId,
          token,
          at: clock.now(),
          device: visitor.deviceLabel,
          language: visitor.language,
          clientId: client?.id,
          // "Your account" is no shop.
          ...(client && client.id !== ACCOUNT_CLIENT ? { shop: client.name } : {}),
        });
      });
      return { kind: 'sent' };
    },
  };
}
