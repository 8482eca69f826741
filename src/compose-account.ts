/** The parts list, account pages: what owners see of themselves, and what they take along. */
import type { Core, Settled } from './compose.js';
import { createReadActivity } from './flows/account/activity.js';
import { createManageApplications } from './flows/account/applications.js';
import { createCloseAccount } from './flows/account/close.js';
import { createManageDevices } from './flows/account/devices.js';
import { createExportData } from './flows/account/export.js';
import { createManageProfile } from './flows/account/profile.js';
import { createManageSessions } from './flows/account/sessions.js';

export function composeOwn(config: Settled, { domain, transact, clock, keyring }: Core) {
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
    manageDevices,
    manageSessions,
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
