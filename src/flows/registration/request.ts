/**
 * Somebody new wants an account and gives an address (OWASP ASVS 6.3.8). What they see, and how
 * long it takes, is the same whether the address has an account or not: nobody looks. The same
 * statements write the same rows, and only the letter, when it leaves the queue, finds out. No
 * account is made here: one that waits for its owner could be prepared by a stranger.
 */
import { canonicalLogin, isEmailAddress } from '../../domain/identity/index.js';
import type { Clock } from '../../kernel/clock.js';
import type { FlowParts } from '../domain.js';
import type { LetterLimit } from '../recovery/request.js';
import { answered, askFor, type ChallengeParts } from '../sign-in/challenge.js';
import type { Ask, Visitor } from '../sign-in/index.js';
import type { SignInParts } from '../sign-in/model.js';

export type RegistrationPage =
  | { readonly kind: 'ask'; readonly problem?: 'check' | 'address'; readonly ask?: Ask }
  | { readonly kind: 'sent' }
  /** The network's limit; an address's own is never told. */
  | { readonly kind: 'limited'; readonly retryAfterSeconds: number };

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

export function createRequestRegistration(
  parts: FlowParts &
    ChallengeParts &
    Pick<SignInParts, 'challenges'> & { readonly clock: Clock; readonly letters: LetterLimit },
) {
  const { domain, transact, letters, clock } = parts;
  const bindTo = (interactionId: string) => `registration ${interactionId}`;

  async function again(
    interactionId: string,
    visitor: Visitor,
    before: number,
    problem?: 'check' | 'address',
  ): Promise<RegistrationPage> {
    const ask = await askFor(parts, bindTo(interactionId), visitor, before);
    return { kind: 'ask', ...(problem ? { problem } : {}), ...(ask ? { ask } : {}) };
  }

  return {
    /** The empty form. */
    look: async (interactionId: string, visitor: Visitor): Promise<RegistrationPage> =>
      again(interactionId, visitor, await letters.soFar(visitor.origin.ip)),

    async submit(form: RegistrationForm, visitor: Visitor): Promise<RegistrationPage> {
      const { interactionId, client } = form;
      const { ip } = visitor.origin;
      if (!isEmailAddress(form.email)) {
        return again(interactionId, visitor, await letters.soFar(ip), 'address');
      }
      const verdict = await letters.add(ip);
      if (verdict.kind === 'limited') return verdict;
      if (!(await answered(parts, bindTo(interactionId), form))) {
        const page = await again(interactionId, visitor, (await letters.soFar(ip)) - 1, 'check');
        if (page.kind === 'ask' && page.ask) return page;
      }

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
