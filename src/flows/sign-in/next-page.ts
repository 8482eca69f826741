/**
 * From what is stored of an attempt to the page that comes next. Called within the transaction
 * that proved something, and by itself when a page is opened again.
 */
import type { Account } from '../../domain/identity/index.js';
import type { KnownDevice } from '../../domain/risk/index.js';
import { nextStep, type SignInAttempt, type Step } from '../../domain/signin/index.js';
import type { Domain } from '../domain.js';
import type { SignInPage, SignInParts, SignInRequest, Visitor } from './model.js';

/** The device this browser is to the account, if it has logged in to it before. */
export const deviceOf = (
  { risk }: Pick<Domain, 'risk'>,
  { deviceTokens: tokens }: Visitor,
  accountId: string | undefined,
): Promise<(KnownDevice & { readonly token: string }) | undefined> =>
  risk.recogniseDevice({ tokens, accountId });

/** The step that the stored attempt is at. */
export async function stepOf(
  domain: Domain,
  request: SignInRequest,
  account: Pick<Account, 'id' | 'kind'>,
  attempt: SignInAttempt,
  device: KnownDevice | undefined,
): Promise<Step> {
  const { credentials, risk } = domain;
  return nextStep({
    accountKind: account.kind,
    proven: attempt.proven,
    hasTotp: await credentials.hasTotp(account.id),
    hasPasskey: await credentials.hasPasskey(account.id),
    recoveryCodesLeft: await credentials.remainingRecoveryCodes(account.id),
    mayEnrol: true,
    deviceRemembered: device !== undefined && risk.trustsSecondFactor(device),
    codesToShow: attempt.recoveryCodes !== undefined,
    requiredAcr: request.requiredAcr,
  });
}

/** The page of a step that is not the last one. */
export async function pageOf(
  parts: Pick<SignInParts, 'domain' | 'drawQr'>,
  request: SignInRequest,
  account: Pick<Account, 'id' | 'kind'>,
  attempt: SignInAttempt,
  step: Exclude<Step, { kind: 'done' }>,
): Promise<SignInPage> {
  switch (step.kind) {
    case 'password':
      return { kind: 'password' };
    case 'unreachable':
      return { kind: 'unreachable' };
    case 'totp':
      return {
        kind: 'totp',
        recoveryCodeAccepted: step.recoveryCodeAccepted,
        passkeyAccepted: step.passkeyAccepted,
        rememberable: account.kind === 'shopper',
      };
    case 'passkey':
      return { kind: 'passkey' };
    case 'show-recovery-codes':
      return { kind: 'show-recovery-codes', codes: attempt.recoveryCodes ?? [] };
    case 'enrol-totp':
      return enrolmentPage(parts, request, account, attempt);
  }
}

/** The seed that is being shown stays the same when the page is loaded again. */
async function enrolmentPage(
  { domain, drawQr }: Pick<SignInParts, 'domain' | 'drawQr'>,
  request: SignInRequest,
  account: Pick<Account, 'id' | 'kind'>,
  attempt: SignInAttempt,
): Promise<SignInPage> {
  const { credentials, identity, attempts } = domain;
  const accountName = (await identity.findPerson(account.id))?.email ?? '';
  const issuer = request.clientName;
  let shown: { secret: string; otpauthUri: string };
  if (attempt.sealedSeed) {
    shown = credentials.resumeEnrolment(account.id, accountName, issuer, attempt.sealedSeed);
  } else {
    const begun = credentials.beginEnrolment(account.id, accountName, issuer);
    await attempts.keepEnrolment(request.interactionId, begun.sealedSeed);
    shown = begun;
  }
  return {
    kind: 'enrol-totp',
    secret: shown.secret,
    otpauthUri: shown.otpauthUri,
    qrSvg: await drawQr(shown.otpauthUri),
    accountName,
    required: account.kind === 'staff',
  };
}
