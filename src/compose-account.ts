/** The parts list, account pages: what owners see of themselves, and what they take along. */
import type { Core, Settled } from './compose.js';
import type { RelyingParty } from './domain/credentials/index.js';
import { createReadActivity } from './flows/account/activity.js';
import { createManageApplications } from './flows/account/applications.js';
import { createChangeEmail } from './flows/account/change-email.js';
import { createChangePassword } from './flows/account/change-password.js';
import { createCloseAccount } from './flows/account/close.js';
import { createManageDevices } from './flows/account/devices.js';
import { createExportData } from './flows/account/export.js';
import { createLookOver } from './flows/account/overview.js';
import { createManagePasskeys } from './flows/account/passkeys.js';
import { createManageProfile } from './flows/account/profile.js';
import { createManageSecondFactor } from './flows/account/second-factor.js';
import { createManageSessions } from './flows/account/sessions.js';
import { createSignOutEverywhere } from './flows/account/sign-out-everywhere.js';
import type { LetterLimit } from './flows/letter-gate.js';
import { otpauthQr } from './platform/qr.js';

export function composeOwnAccount(
  config: Settled,
  { domain, transact, clock, keyring }: Core,
  given: { readonly letters: LetterLimit; readonly relyingParty: RelyingParty },
) {
  const owned = { domain, transact, clock };
  const manageDevices = createManageDevices(owned);
  const manageSessions = createManageSessions(owned);
  const manageApplications = createManageApplications(owned);
  const cursor = 'activity-cursor';
  const readActivity = createReadActivity({
    domain,
    cursors: {
      seal: (text, context) => keyring.seal(cursor, text, context),
      open: (box, context) => keyring.open(cursor, box, context),
    },
  });
  return {
    lookOver: createLookOver({ domain }),
    changePassword: createChangePassword(owned),
    changeEmail: createChangeEmail({ ...owned, letters: given.letters }),
    managePasskeys: createManagePasskeys({ ...owned, relyingParty: given.relyingParty }),
    secondFactor: createManageSecondFactor({
      ...owned,
      issuerName: new URL(config.issuer).host,
      drawQr: otpauthQr,
    }),
    manageDevices,
    manageSessions,
    signOutEverywhere: createSignOutEverywhere(owned),
    manageApplications,
    readActivity,
    manageProfile: createManageProfile({ ...owned, editable: config.profileFields }),
    closeAccount: createCloseAccount(owned),
    exportData: createExportData({
      ...owned,
      issuer: config.issuer,
      activity: readActivity,
      sessions: manageSessions,
      devices: manageDevices,
      applications: manageApplications,
    }),
  };
}
