/** What a sign-in is about, what the browser brings along, and which page it gets to see. */
import type { Origin } from '../../domain/audit/index.js';
import type { RelyingParty } from '../../domain/credentials/index.js';
import type { ChallengeMode } from '../../domain/risk/index.js';
import type { Acr } from '../../domain/signin/index.js';
import type { Language } from '../../kernel/language.js';
import type { FlowParts } from '../domain.js';

/** One interaction of one browser with one client's authorization request. */
export type SignInRequest = {
  readonly interactionId: string;
  readonly clientId: string;
  /** What shoppers call it; goes into letters and authenticator apps. */
  readonly clientName: string;
  /** The least that the request, or a scope in it, asks for (RFC 9470). */
  readonly requiredAcr: Acr | undefined;
};

/** The browser in front of us. */
export type Visitor = {
  readonly origin: Origin & { readonly ip: string };
  /** What its device cookie holds: one token for each account that has logged in here. */
  readonly deviceTokens: readonly string[];
  /** "Firefox on Windows" */
  readonly deviceLabel: string;
  /** What the page spoke; letters about what happened on it do so too, unless their reader has a
   * language of their own. */
  readonly language?: Language | undefined;
};

/** What the log-in page must ask for besides the password. */
export type Ask = {
  /** A proof-of-work challenge as JSON, and its stand-in where scripts do not run. */
  readonly puzzle: string;
  readonly patience: string;
  readonly patienceSeconds: number;
};

/** The page that comes next. */
export type SignInPage =
  | {
      readonly kind: 'password';
      readonly problem?: 'rejected' | 'check' | 'expired' | 'overloaded' | 'passkey';
      readonly ask?: Ask;
    }
  | { readonly kind: 'locked'; readonly retryAfterSeconds: number }
  /** Five wrong codes: nothing more can be proven in this interaction. */
  | { readonly kind: 'ended' }
  | {
      readonly kind: 'totp';
      readonly recoveryCodeAccepted: boolean;
      readonly passkeyAccepted: boolean;
      readonly rememberable: boolean;
      readonly problem?: 'wrong-code' | 'used-code' | 'passkey';
    }
  /** Nothing but a passkey will do; the password was right. */
  | { readonly kind: 'passkey'; readonly problem?: 'passkey' }
  | {
      readonly kind: 'enrol-totp';
      readonly secret: string;
      readonly otpauthUri: string;
      readonly qrSvg: string;
      readonly accountName: string;
      readonly required: boolean;
      readonly problem?: 'wrong-code';
    }
  | {
      readonly kind: 'show-recovery-codes';
      readonly codes: readonly string[];
      readonly problem?: 'not-saved';
    }
  /** This account cannot prove what is asked for. */
  | { readonly kind: 'unreachable' }
  | {
      readonly kind: 'signed-in';
      readonly accountId: string;
      /** Seconds of database time; what the session counts from. */
      readonly provenAt: number;
      readonly amr: readonly string[];
      readonly acr: string;
      /** For the browser's device cookie: a new token, or the one it came with. */
      readonly deviceToken: string;
    };

/** There is no attempt to go on with. */
export const EXPIRED: SignInPage = { kind: 'password', problem: 'expired' };

/** Proof of work and patience, as the challenge's maker signs and checks them. */
export type ChallengePort = {
  createChallenge(input: { bindTo: string }): Promise<object>;
  createPatience(input: { bindTo: string }): string;
  verifySolution(payload: string, input: { bindTo: string }): Promise<ChallengeAnswer>;
  verifyPatience(token: string, input: { bindTo: string }): ChallengeAnswer;
};

type ChallengeAnswer =
  | {
      readonly kind: 'ok';
      readonly spend: { readonly hash: Uint8Array<ArrayBuffer>; readonly ttlSeconds: number };
    }
  | { readonly kind: 'refused' | 'too-early' };

/** Limits of whole networks; what is counted there is failures only. */
export type NetworkPort = {
  check(ip: string): Promise<{ kind: 'ok' } | { kind: 'limited'; retryAfterSeconds: number }>;
  failuresFor(ip: string): Promise<number>;
  recordFailure(ip: string, identifier: string): Promise<void>;
};

export type SignInParts = FlowParts & {
  readonly networks: NetworkPort;
  readonly challenges: ChallengePort;
  readonly challengeMode: ChallengeMode;
  /** Whom passkeys are for: this server. */
  readonly relyingParty: RelyingParty;
  /** The QR code of an otpauth address, as SVG. */
  readonly drawQr: (uri: string) => string | Promise<string>;
};

/** How long somebody without scripts waits instead of computing. */
export const PATIENCE_SECONDS = 5;
