/**
 * A newcomer proves the address, by the code on the page that asked for it or by the link in the
 * letter, and chooses a password in that very browser. Only then one transaction spends the
 * registration and makes the account, with nothing in it that a stranger could have put there
 * (Sudhodanan and Paverd, "Pre-hijacked accounts", USENIX Security 2022): the password is new,
 * and a name counts only where the person who typed it has also proven the address.
 */
import type { PasswordFault } from '../../domain/credentials/index.js';
import type { CodeResult, Proof, Registration } from '../../domain/registrations/index.js';
import type { Clock } from '../../kernel/clock.js';
import type { Domain } from '../domain.js';
import { shopNames } from '../shop-names.js';
import { finishSignIn } from '../sign-in/finish.js';
import type { SignInPage, SignInParts, SignInRequest, Visitor } from '../sign-in/model.js';
import { pageOf, stepOf } from '../sign-in/next-page.js';

/** Used, expired, replaced, void, unknown, or of a client that takes nobody any more. */
type Dead = { readonly kind: 'dead' };

export type ChoosePage =
  | Dead
  | { readonly kind: 'choose'; readonly email: string; readonly clientId: string };

export type CompleteResult =
  | Dead
  | {
      readonly kind: 'refused';
      readonly faults: readonly PasswordFault[];
      readonly email: string;
      readonly clientId: string;
    }
  /** Somebody has made an account of this address in between. */
  | { readonly kind: 'taken'; readonly clientId: string }
  /** In another browser than the one that asked: nobody is signed in by it. */
  | { readonly kind: 'created'; readonly clientId: string }
  /** In the browser that asked: this is where its sign-in goes on. */
  | { readonly kind: 'goes-on'; readonly page: SignInPage };

export type CompleteRegistration = ReturnType<typeof createCompleteRegistration>;

const DEAD: Dead = { kind: 'dead' };

/** Rolls the transaction back. */
class RegistrationIsDead extends Error {}

export function createCompleteRegistration(parts: SignInParts & { readonly clock: Clock }) {
  const { domain, transact, clock } = parts;

  /** What is proven by this, if it is, while its client still takes newcomers. */
  async function find(proof: Proof): Promise<Registration | undefined> {
    const { registrations, clients } = domain;
    const found =
      'token' in proof
        ? await registrations.findByToken(proof.token)
        : await registrations.findInInteraction(proof.interactionId);
    if (!found || !('token' in proof || found.verified)) return undefined;
    const client = await clients.find(found.clientId);
    return client?.status === 'active' && client.selfRegistration ? found : undefined;
  }

  /** The new account is signed in where it was asked for, as if it had typed its password. */
  async function goOn(
    tx: Domain,
    accountId: string,
    request: SignInRequest,
    visitor: Visitor,
  ): Promise<SignInPage> {
    const id = request.interactionId;
    const account = { id: accountId, kind: 'shopper' } as const;
    const held = await tx.identity.holdForSignIn(accountId);
    if (!held) throw new RegistrationIsDead();
    const { securityEpoch, earliest } = held;
    if (!(await tx.attempts.begin(id, { accountId, securityEpoch }))) return { kind: 'ended' };
    await tx.attempts.prove(id, 'password');
    const state = await tx.attempts.hold(id);
    if (state.kind !== 'live') return { kind: 'ended' };
    const step = await stepOf(tx, request, account, state.attempt, undefined);
    if (step.kind !== 'done') {
      return pageOf({ ...parts, domain: tx }, request, account, state.attempt, step);
    }
    return finishSignIn(tx, {
      request,
      visitor,
      account,
      step,
      earliest,
      device: undefined,
      failuresBefore: 0,
      rememberDevice: false,
      at: clock.now(),
    });
  }

  return {
    /** Looks at a code that was typed on the page of an interaction. */
    async tryCode(
      request: Pick<SignInRequest, 'interactionId' | 'clientId'>,
      code: string,
      visitor: Visitor,
    ): Promise<CodeResult> {
      const result = await domain.registrations.tryCode(request.interactionId, code);
      if (result.kind === 'void') {
        await transact(({ audit }) =>
          audit.record({
            event: 'registration_void',
            result: 'failure',
            actor: { kind: 'anonymous' },
            clientId: request.clientId,
            origin: visitor.origin,
          }),
        );
      }
      return result;
    },

    /** Whether a link's letter was asked for in this interaction. */
    isFrom: (token: string, interactionId: string): Promise<boolean> =>
      domain.registrations.isFrom(token, interactionId),

    /** The form for the password, if the address is proven. Spends nothing. */
    async look(proof: Proof): Promise<ChoosePage> {
      const found = await find(proof);
      return found ? { kind: 'choose', email: found.email, clientId: found.clientId } : DEAD;
    },

    /**
     * Throws `AppError('overloaded')` when the hashing queue is full; nothing is spent by that.
     *
     * @param request the sign-in that goes on with the new account: the interaction that asked
     *   for the letter, and no other
     */
    async submit(
      proof: Proof,
      password: string,
      visitor: Visitor,
      request?: SignInRequest,
    ): Promise<CompleteResult> {
      const found = await find(proof);
      if (!found) return DEAD;
      const { id, email, clientId } = found;
      if (request && 'token' in proof) {
        const own = await domain.registrations.isFrom(proof.token, request.interactionId);
        if (!own) return DEAD;
      }
      // A link that was opened elsewhere may come of a stranger's form: the name is not taken.
      const name = request ? found.name : undefined;
      const faults = await domain.credentials.assessPassword(password, {
        email,
        name,
        shops: await shopNames(domain),
      });
      if (faults.length > 0) return { kind: 'refused', faults, email, clientId };
      const hash = await domain.credentials.hashPassword(password);

      try {
        return await transact(async (tx): Promise<CompleteResult> => {
          // First of all: of any number of parallel uses the others wait here, and find nothing.
          if (!(await tx.registrations.spend(id, proof))) throw new RegistrationIsDead();
          const created = await tx.identity.createAccount({
            kind: 'shopper',
            email,
            emailVerified: true,
            profile: name === undefined ? {} : { name },
          });
          if (created.kind === 'name-taken') return { kind: 'taken', clientId };
          await tx.credentials.setPasswordHash(created.id, hash);
          await tx.audit.record({
            event: 'account_created',
            result: 'success',
            actor: { kind: 'account', id: created.id },
            subjectId: created.id,
            clientId,
            origin: visitor.origin,
            details: { kind: 'shopper', by: 'token' in proof ? 'link' : 'code' },
          });
          if (!request) return { kind: 'created', clientId };
          return { kind: 'goes-on', page: await goOn(tx, created.id, request, visitor) };
        });
      } catch (error) {
        if (error instanceof RegistrationIsDead) return DEAD;
        throw error;
      }
    },
  };
}
