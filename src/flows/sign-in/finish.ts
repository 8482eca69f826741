/**
 * Every factor is proven: the attempt ends, once; the device and its network become known; and
 * the owner is told when something about this log-in is out of the ordinary (OWASP ASVS 6.3.5).
 */
import type { KnownDevice } from '../../domain/risk/index.js';
import type { Step } from '../../domain/signin/index.js';
import type { Domain } from '../domain.js';
import { stopPlannedReset } from '../lost-factor/stop.js';
import type { SignInPage, SignInRequest, Visitor } from './model.js';

/** From so many failures in a row on, a success is worth a letter. */
const REMARKABLE_FAILURES = 5;
const THIRTY_DAYS = 30 * 24 * 3600;

export async function finishSignIn(
  tx: Domain,
  input: {
    readonly request: SignInRequest;
    readonly visitor: Visitor;
    readonly account: { readonly id: string; readonly kind: 'shopper' | 'staff' };
    readonly step: Extract<Step, { kind: 'done' }>;
    /** The first second that a log-in of this account can count from. */
    readonly earliest: number;
    readonly device: (KnownDevice & { readonly token: string }) | undefined;
    readonly failuresBefore: number;
    readonly rememberDevice: boolean;
    readonly at: Date;
  },
): Promise<SignInPage> {
  const { risk, audit, mail, attempts } = tx;
  const { request, visitor, account, step, device } = input;
  // Two submissions at once: one finishes, the other starts over.
  if (!(await attempts.end(request.interactionId))) return { kind: 'password', problem: 'expired' };

  const firstDevice = !device && (await risk.listDevices(account.id)).length === 0;
  const network = await risk.noteNetwork(account.id, visitor.origin.ip);
  const why = [
    ...(input.failuresBefore >= REMARKABLE_FAILURES ? (['after_failures'] as const) : []),
    ...(!device && !firstDevice ? (['new_device'] as const) : []),
    ...(network === 'new' ? (['new_network'] as const) : []),
  ];

  const trust =
    input.rememberDevice && account.kind === 'shopper' && step.amr.includes('mfa')
      ? { mfaTrustedForSeconds: THIRTY_DAYS }
      : {};
  let deviceToken: string;
  if (device) {
    await risk.touchDevice({ accountId: account.id, deviceId: device.id, ...trust });
    deviceToken = device.token;
  } else {
    const label = visitor.deviceLabel;
    deviceToken = (await risk.rememberDevice({ accountId: account.id, label, ...trust })).token;
  }

  const facts = {
    actor: { kind: 'account', id: account.id },
    subjectId: account.id,
    clientId: request.clientId,
    origin: visitor.origin,
  } as const;
  await audit.record({
    event: 'sign_in_succeeded',
    result: 'success',
    ...facts,
    details: { acr: step.acr, amr: step.amr.join(' '), device: visitor.deviceLabel },
  });
  // It was said to be lost, and it is not.
  if (step.amr.includes('mfa')) {
    await stopPlannedReset(tx, {
      accountId: account.id,
      actor: facts.actor,
      by: 'use',
      origin: visitor.origin,
      at: input.at,
    });
  }
  if (why.length > 0) {
    await audit.record({
      event: 'login_suspicious',
      result: 'success',
      ...facts,
      details: { why: why.join(' ') },
    });
    await mail.enqueue({
      kind: 'suspicious_sign_in',
      ...byWhat(step.amr),
      accountId: account.id,
      why,
      at: input.at,
      shop: request.clientName,
      device: visitor.deviceLabel,
    });
  }
  return {
    kind: 'signed-in',
    accountId: account.id,
    // The oldest proof counts: a password from minutes ago is no fresh log-in (OIDC Core 2).
    provenAt: Math.max(step.provenAt, input.earliest),
    amr: step.amr,
    acr: step.acr,
    deviceToken,
  };
}

/** What took the place of the password, if something did. */
function byWhat(amr: readonly string[]): { by?: 'passkey' | 'email_code' } {
  if (amr.includes('pwd')) return {};
  return { by: amr.includes('pop') ? 'passkey' : 'email_code' };
}
