/**
 * What people do with their own account. There is one way of doing each of these; the account
 * pages and the self-service API are two ways of asking for it.
 */
import type { RelyingParty } from '../../domain/credentials/index.js';
import type { Clock } from '../../kernel/clock.js';
import type { FlowParts } from '../domain.js';
import { createManageApplications } from './applications.js';
import { createChangePassword } from './change-password.js';
import { createManageDevices } from './devices.js';
import { createLookOver } from './overview.js';
import { createManagePasskeys } from './passkeys.js';
import { createManageSecondFactor } from './second-factor.js';
import { createManageSessions } from './sessions.js';

export type OwnAccount = ReturnType<typeof createOwnAccount>;

export function createOwnAccount(
  parts: FlowParts & {
    readonly clock: Clock;
    readonly relyingParty: RelyingParty;
    /** What authenticator apps list the account under. */
    readonly issuerName: string;
    readonly drawQr: (uri: string) => string | Promise<string>;
  },
) {
  return {
    lookOver: createLookOver(parts),
    changePassword: createChangePassword(parts),
    manageDevices: createManageDevices(parts),
    manageSessions: createManageSessions(parts),
    manageApplications: createManageApplications(parts),
    managePasskeys: createManagePasskeys(parts),
    secondFactor: createManageSecondFactor(parts),
  };
}
