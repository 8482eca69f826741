/** What somebody sees first of their account: how it is kept safe, at a glance. */
import type { FlowParts } from '../domain.js';
import type { Owner } from './owner.js';

export type AccountOverview = {
  readonly passwordChangedAt: Date | undefined;
  readonly secondFactorSince: Date | undefined;
  readonly recoveryCodesLeft: number;
  readonly passkeys: number;
  readonly devices: number;
};

export type LookOver = (owner: Owner) => Promise<AccountOverview>;

export function createLookOver({ domain }: Pick<FlowParts, 'domain'>): LookOver {
  const { credentials, risk } = domain;
  return async ({ accountId }) => ({
    passwordChangedAt: await credentials.passwordChangedAt(accountId),
    secondFactorSince: await credentials.totpSince(accountId),
    recoveryCodesLeft: await credentials.remainingRecoveryCodes(accountId),
    passkeys: (await credentials.listPasskeys(accountId)).length,
    devices: (await risk.listDevices(accountId)).length,
  });
}
