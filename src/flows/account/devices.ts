/**
 * The devices an account has been used on: which they are, and forgetting them. A device that is
 * forgotten is a stranger again: it is asked for the second factor, its next log-in is told of,
 * and its guesses count with everybody's.
 */
import type { KnownDevice } from '../../domain/risk/index.js';
import type { Domain, FlowParts } from '../domain.js';
import type { Visitor } from '../sign-in/index.js';
import { deviceOf } from '../sign-in/next-page.js';
import type { Owner } from './owner.js';

export type OwnDevice = Pick<KnownDevice, 'id' | 'label' | 'createdAt' | 'lastSeenAt'> & {
  /** The browser that asks. */
  readonly here: boolean;
  /** Until when it is not asked for the second factor. */
  readonly trustedUntil: Date | undefined;
};

export type DeviceChange =
  | { readonly kind: 'forget'; readonly id: string }
  | { readonly kind: 'distrust'; readonly id: string }
  | { readonly kind: 'forget-others' };

export type ManageDevices = {
  list(owner: Owner, visitor: Visitor): Promise<readonly OwnDevice[]>;
  /** `gone` when there is nothing left to do, which is as good. */
  change(owner: Owner, visitor: Visitor, change: DeviceChange): Promise<'done' | 'gone'>;
};

export function createManageDevices({ domain, transact }: FlowParts): ManageDevices {
  return {
    async list({ accountId }, visitor) {
      const here = await deviceOf(domain, visitor, accountId);
      const devices = await domain.risk.listDevices(accountId);
      return devices.map((device) => ({
        id: device.id,
        label: device.label,
        createdAt: device.createdAt,
        lastSeenAt: device.lastSeenAt,
        here: device.id === here?.id,
        trustedUntil: domain.risk.trustsSecondFactor(device)
          ? (device.mfaTrustedUntil ?? undefined)
          : undefined,
      }));
    },

    change: ({ accountId }, visitor, change) =>
      transact(async (tx) => {
        const count = await apply(tx, accountId, visitor, change);
        if (count === 0) return 'gone';
        await tx.audit.record({
          event: change.kind === 'distrust' ? 'device_trust_ended' : 'device_forgotten',
          result: 'success',
          actor: { kind: 'account', id: accountId },
          subjectId: accountId,
          origin: visitor.origin,
          details: { devices: count },
        });
        return 'done';
      }),
  };
}

async function apply(
  tx: Domain,
  accountId: string,
  visitor: Visitor,
  change: DeviceChange,
): Promise<number> {
  switch (change.kind) {
    case 'forget':
      return (await tx.risk.revokeDevice(accountId, change.id)) ? 1 : 0;
    case 'distrust':
      return tx.risk.distrustDevices(accountId, change.id);
    case 'forget-others': {
      const here = await deviceOf(tx, visitor, accountId);
      return tx.risk.revokeOtherDevices(accountId, here?.id);
    }
  }
}
