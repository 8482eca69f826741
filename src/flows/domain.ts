/** What flows are given: every island, and the way to bind them all to one transaction. */
import type { Access } from '../domain/access/index.js';
import type { Audit } from '../domain/audit/index.js';
import type { ClaimMappings } from '../domain/claims/index.js';
import type { ClientRegistrations } from '../domain/client-registrations/index.js';
import type { Brands, Clients } from '../domain/clients/index.js';
import type {
  Credentials,
  EmailCodes,
  FactorResets,
  OneTimeLinks,
  Passkeys,
  PasswordPolicy,
  RecoveryCodes,
  Totp,
} from '../domain/credentials/index.js';
import type { Grants } from '../domain/grants/index.js';
import type { EmailChanges, EmailRequests, Identity } from '../domain/identity/index.js';
import type { Keys } from '../domain/keys/index.js';
import type { Mail } from '../domain/mail/index.js';
import type { Registrations } from '../domain/registrations/index.js';
import type { Risk, UserCodeTries } from '../domain/risk/index.js';
import type { Attempts } from '../domain/signin/index.js';

export type Domain = {
  readonly identity: Identity & EmailRequests & EmailChanges;
  readonly credentials: Credentials &
    PasswordPolicy &
    Totp &
    RecoveryCodes &
    OneTimeLinks &
    FactorResets &
    EmailCodes &
    Passkeys;
  readonly attempts: Attempts;
  readonly registrations: Registrations;
  readonly risk: Risk & UserCodeTries;
  readonly clients: Clients & Brands;
  readonly clientRegistrations: ClientRegistrations;
  readonly access: Access;
  readonly claims: ClaimMappings;
  readonly grants: Grants;
  readonly keys: Keys;
  readonly audit: Audit;
  readonly mail: Mail;
};

/** Runs `work` with all islands bound to one transaction. */
export type Transact = <T>(work: (domain: Domain) => Promise<T>) => Promise<T>;

export type FlowParts = { readonly domain: Domain; readonly transact: Transact };
