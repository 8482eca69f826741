/**
 * Clients that register themselves (RFC 7591): the initial access tokens that let them, and how
 * such a client later proves that it is the one that registered (RFC 7592).
 *
 * Promises: both kinds of token are 256 random bits, shown once and stored as SHA-256; however
 * many registrations arrive at once and at whichever node, twenty of one token go through in an
 * hour and no more than its maximum in all; a revoked or expired token registers nothing; a
 * registration access token that was replaced is worth nothing from that statement on.
 */
import { digest, isId, newBearerValue, newId, sameDigest } from '../../kernel/ids.js';
import type { Db } from '../../platform/postgres.js';
import { registrationTokenStore, type TokenRow } from './store.js';

/** Registrations a token may make in an hour (requirement R41). */
export const REGISTRATIONS_PER_HOUR = 20;
export const DEFAULT_TOKEN_SECONDS = 30 * 24 * 3600;
export const MAX_TOKEN_SECONDS = 365 * 24 * 3600;

/** What a client may become with a token; whoever holds it can ask for less, never for more. */
export type Allowance = {
  readonly identityScopes: readonly string[];
  /** Scopes by the indicator of their resource server. */
  readonly apiScopes: Readonly<Record<string, readonly string[]>>;
  readonly grantTypes: readonly string[];
  readonly profile: string;
};

export type RegistrationToken = Omit<TokenRow, 'apiScopes'> & Allowance;

export type Slot =
  | { readonly kind: 'spent' }
  | { readonly kind: 'limited'; readonly retryAfterSeconds: number }
  /** Expired, revoked or used up. */
  | { readonly kind: 'gone' };

/** A client that registered itself. */
export type ClientRegistration = {
  readonly clientId: string;
  readonly tokenId: string;
  readonly createdAt: Date;
  /** What the token it registered with allows. */
  readonly allowance: Allowance;
  /** What an operator has decided since. */
  readonly decided: Decisions;
};

/** What is an operator's from then on, whatever the client says of itself. */
export type Decisions = {
  /** Metadata by its registered name. */
  readonly fields: readonly string[];
  /** Resource servers, by their indicator, whose scopes an operator has granted or taken away. */
  readonly apis: readonly string[];
};

export type ClientRegistrations = ReturnType<typeof createClientRegistrations>;

// Compared with where there is no registration, so that the time says nothing about which.
const NOBODY = digest('nobody');

export function createClientRegistrations({ db }: { db: Db }) {
  const store = registrationTokenStore(db, REGISTRATIONS_PER_HOUR);

  return {
    /** Makes an initial access token; its value is returned this once. */
    async createRegistrationToken(draft: {
      readonly name: string;
      readonly allowance: Allowance;
      readonly seconds: number;
      readonly maxClients: number | undefined;
    }): Promise<{ readonly id: string; readonly token: string; readonly expiresAt: Date }> {
      const id = newId();
      const token = newBearerValue();
      const expiresAt = await store.insertToken({
        ...draft.allowance,
        id,
        name: draft.name,
        hash: digest(token),
        maxClients: draft.maxClients ?? null,
        seconds: draft.seconds,
      });
      return { id, token, expiresAt };
    },

    /** Every token, whatever became of it, the newest first. */
    async listRegistrationTokens(): Promise<RegistrationToken[]> {
      return (await store.listTokens()).map(present);
    },

    /** False if there is none of that id, or it was revoked before. */
    async revokeRegistrationToken(id: string): Promise<boolean> {
      return isId(id) && store.revokeToken(id);
    },

    /** The token of this value, if it can still register a client. Spends nothing. */
    async findRegistrationToken(value: string): Promise<RegistrationToken | undefined> {
      const row = await store.findToken(digest(value));
      return row && present(row);
    },

    /**
     * Takes one of the registrations a token may make. Call it before anything is asked of other
     * servers and outside of a transaction, where a roll-back would give the slot back.
     */
    async spendRegistration(tokenId: string): Promise<Slot> {
      if (await store.spend(tokenId)) return { kind: 'spent' };
      const seconds = await store.secondsLeft(tokenId);
      return seconds === undefined
        ? { kind: 'gone' }
        : { kind: 'limited', retryAfterSeconds: Math.max(seconds, 1) };
    },

    /**
     * Nothing came of it: it does not count in all; in its hour it does, unless that was the
     * server's own fault.
     */
    returnRegistration: (tokenId: string, ownFault: boolean): Promise<void> =>
      store.giveBack(tokenId, ownFault ? 1 : 0),

    /** Notes that a client registered itself; returns its registration access token this once. */
    async noteRegistration(
      clientId: string,
      tokenId: string,
    ): Promise<{ readonly access: string; readonly createdAt: Date }> {
      const access = newBearerValue();
      const row = { clientId, tokenId, accessHash: digest(access) };
      return { access, createdAt: await store.insertRegistration(row) };
    },

    /** The registration of a client, if `access` is its registration access token. */
    async findRegistrationOf(
      clientId: string,
      access: string,
    ): Promise<ClientRegistration | undefined> {
      const row = await store.findRegistration(clientId);
      const same = sameDigest(row?.accessHash ?? NOBODY, digest(access));
      if (!row || !same) return undefined;
      const { apiScopes, identityScopes, grantTypes, profile } = present(row.token);
      const allowance = { apiScopes, identityScopes, grantTypes, profile };
      const decided = { fields: row.operatorFields, apis: row.operatorApis };
      return { clientId, tokenId: row.tokenId, createdAt: row.createdAt, allowance, decided };
    },

    /**
     * Replaces a registration access token, in one statement: of two changes at once, one has the
     * right token. Undefined for the other.
     */
    async replaceAccess(clientId: string, access: string): Promise<string | undefined> {
      const next = newBearerValue();
      const replaced = await store.replaceAccess(clientId, digest(access), digest(next));
      return replaced ? next : undefined;
    },

    /**
     * Notes what an operator has decided, so that the client's next change of itself does not undo
     * it. Call it in the transaction of the decision. Nothing happens if the client did not
     * register itself.
     */
    noteDecisions: (clientId: string, { fields = [], apis = [] }: Partial<Decisions>) =>
      store.addDecisions(clientId, fields, apis),

    /** Which of these clients registered themselves. */
    listSelfRegistered: async (clientIds: readonly string[]): Promise<Set<string>> =>
      new Set(await store.listRegistered(clientIds)),
  };
}

function present({ apiScopes, ...row }: TokenRow): RegistrationToken {
  return { ...row, apiScopes: apiScopes as Allowance['apiScopes'] };
}
