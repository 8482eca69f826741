/**
 * Whose account pages these are, and whether they have proven it lately enough for what they
 * are about to change.
 */
import { ACR_TWO_FACTORS, isAcr, satisfies } from '../../domain/signin/index.js';
import { type Clock, epochSeconds } from '../../kernel/clock.js';
import type { Language } from '../../kernel/language.js';
import type { FlowParts } from '../domain.js';

/** What a living token of the account pages says. */
export type AccountToken = {
  readonly accountId: string;
  /** The browser session it was born in, by the name that sessions keep for life. */
  readonly sessionUid: string;
  /** Seconds; when the log-in behind it was. */
  readonly authTime: number;
  readonly acr: string | undefined;
  /** How they logged in, where it says so (RFC 8176). */
  readonly amr?: readonly string[] | undefined;
};

/** The token of this value, if an introspection at this moment would call it active. */
export type FindAccountToken = (value: string) => Promise<AccountToken | undefined>;

/** Somebody who is signed in to their own account. */
export type Owner = AccountToken & {
  readonly kind: 'shopper' | 'staff';
  readonly email: string;
  readonly emailVerified: boolean;
  readonly createdAt: Date;
  readonly name: string | undefined;
  /** The language they have chosen for themselves. */
  readonly locale: Language | undefined;
  /** As it was at this look: what rests on it must not survive a later one. */
  readonly securityEpoch: number;
  readonly hasSecondFactor: boolean;
  /** Names what this sign-in keeps on the server meanwhile; as secret as the token. */
  readonly workId: string;
};

export type Visit = (token: string) => Promise<Owner | undefined>;

export function createVisit(
  parts: Pick<FlowParts, 'domain'> & { readonly findToken: FindAccountToken },
): Visit {
  return async (value) => {
    const token = await parts.findToken(value);
    return token && ownerOf(parts.domain, token, value);
  };
}

/** Whose token this is; nothing when the account is no more, or not active. */
export async function ownerOf(
  { identity, credentials }: FlowParts['domain'],
  token: AccountToken,
  value: string,
): Promise<Owner | undefined> {
  const person = await identity.findPerson(token.accountId);
  if (person?.status !== 'active') return undefined;
  return {
    ...token,
    kind: person.kind,
    email: person.email ?? '',
    emailVerified: person.emailVerified,
    createdAt: person.createdAt,
    name: person.profile.name,
    locale: person.profile.locale,
    securityEpoch: person.securityEpoch,
    hasSecondFactor: await credentials.hasTotp(person.id),
    workId: `account ${value}`,
  };
}

/** How old the factors behind a sensitive change may be (OWASP ASVS 7.5.1). */
export const FRESH_SECONDS = 300;

/**
 * What is asked for when they are older. A minute less: whoever has just passed has time to fill
 * in the form, and nodes whose clocks differ do not send a browser back and forth.
 */
const ASKED_SECONDS = FRESH_SECONDS - 60;

/** What a sign-in has to be before it may change something (RFC 9470 section 4). */
export type StepUp = { readonly maxAge: number; readonly acr: string | undefined };

/** What `owner` still has to prove before a sensitive change; nothing if it is all there. */
export function missingProof(
  owner: Pick<Owner, 'authTime' | 'acr' | 'hasSecondFactor' | 'kind'>,
  clock: Clock,
): StepUp | undefined {
  const needsTwo = owner.hasSecondFactor || owner.kind === 'staff';
  const age = epochSeconds(clock.now()) - owner.authTime;
  const { acr } = owner;
  const strong = !needsTwo || (acr !== undefined && isAcr(acr) && satisfies(acr, ACR_TWO_FACTORS));
  if (age <= FRESH_SECONDS && strong) return undefined;
  return { maxAge: ASKED_SECONDS, acr: needsTwo ? ACR_TWO_FACTORS : undefined };
}
