/**
 * Somebody new wants an account and gives an address (OWASP ASVS 6.3.8). What they see, and how
 * long it takes, is the same whether the address has an account or not: nobody looks. The same
 * statements write the same rows, and only the letter, when it leaves the queue, finds out. No
 * account is made here: one that waits for its owner could be prepared by a stranger.
 */
import { canonicalLogin, isEmailAddress } from '../../domain/identity/index.js';
import type { Clock } from '../../kernel/clock.js';
import {
  createLetterGate,
  type LetterForm,
  type LetterGatePage,
  type LetterGateParts,
} from '../letter-gate.js';
import type { Visitor } from '../sign-in/index.js';

export type RegistrationPage =
  | LetterForm<'address'>
  | { readonly kind: 'sent' }
  /** The network's limit; an address's own is never told. */
  | LetterGatePage;

export type RegistrationForm = {
  readonly interactionId: string;
  readonly client: { readonly id: string; readonly name: string };
  readonly email: string;
  readonly name: string;
  readonly puzzle: string | undefined;
  readonly patience: string | undefined;
};

export type RequestRegistration = ReturnType<typeof createRequestRegistration>;

const LETTERS_PER_HOUR = 3;
const HOUR = 3600;
const LONGEST_NAME = 100;

export function createRequestRegistration(parts: LetterGateParts & { readonly clock: Clock }) {
  const { domain, transact, clock } = parts;
  const gate = createLetterGate(parts, (interactionId) => `registration ${interactionId}`);

  return {
    /** The empty form. */
    look: (interactionId: string, visitor: Visitor): Promise<RegistrationPage> =>
      gate.look(interactionId, visitor),

    async submit(form: RegistrationForm, visitor: Visitor): Promise<RegistrationPage> {
      const { interactionId, client } = form;
      if (!isEmailAddress(form.email)) return gate.look(interactionId, visitor, 'address');
      const held = await gate.pass(interactionId, visitor, form);
      if (held) return held;

      const address = canonicalLogin(form.email);
      // The same made-up id for addresses with and without an account.
      const counter = domain.identity.standInFor(address);
      await transact(async ({ risk, registrations, audit, mail }) => {
        const count = await risk.countUse('registration-letter', counter, HOUR);
        const flood = count > LETTERS_PER_HOUR;
        await audit.record({
          event: 'registration_requested',
          result: flood ? 'failure' : 'success',
          actor: { kind: 'anonymous' },
          clientId: client.id,
          origin: visitor.origin,
          ...(flood ? { details: { reason: 'limit' } } : {}),
        });
        // A flood leaves the last letter alone: else anybody could keep people from using it.
        if (flood) return;
        const begun = await registrations.begin({
          address,
          email: form.email.trim(),
          name: plainName(form.name),
          interactionId,
          clientId: client.id,
        });
        await mail.enqueue({
          kind: 'registration',
          registrationId: begun.id,
          token: begun.token,
          code: begun.code,
          at: clock.now(),
          shop: client.name,
          clientId: client.id,
          device: visitor.deviceLabel,
          language: visitor.language,
        });
      });
      return { kind: 'sent' };
    },
  };
}

/** On one line and not too long, without half a character at its end; nothing if nothing is left. */
function plainName(name: string): string | undefined {
  const plain = name
    .normalize('NFC')
    .replace(/[\p{Cc}\p{Zl}\p{Zp}\s]+/gu, ' ')
    .trim();
  return plain.slice(0, LONGEST_NAME).replace(/[\ud800-\udbff]$/, '') || undefined;
}
