/** The pages below `/account`, on which people look after their own account. */
import type Router from '@koa/router';
import type { ReadActivity } from '../../flows/account/activity.js';
import type { ManageApplications } from '../../flows/account/applications.js';
import type { ManageApprovals } from '../../flows/account/approvals.js';
import type { ChangeEmail } from '../../flows/account/change-email.js';
import type { ManageDevices } from '../../flows/account/devices.js';
import type { ManagePasskeys } from '../../flows/account/passkeys.js';
import type { ManageSecondFactor } from '../../flows/account/second-factor.js';
import type { ManageSessions } from '../../flows/account/sessions.js';
import type { SignOutEverywhere } from '../../flows/account/sign-out-everywhere.js';
import type { Keyring } from '../../kernel/keyring.js';
import type { RequestState } from '../context.js';
import type { InProcessFetch } from '../in-process.js';
import { accountOverviewPage } from '../views.js';
import { activityPages } from './activity.js';
import { approvalPages } from './approvals.js';
import { authenticatorPages } from './authenticators.js';
import { createAccountClient } from './client.js';
import { createAccountCookies } from './cookies.js';
import { createDesk, type DeskParts } from './desk.js';
import { devicePages } from './devices.js';
import { emailPages } from './email.js';
import { passkeyPages } from './passkeys.js';
import { type PasswordParts, passwordPages } from './password.js';
import { closingPages, type ProfileParts, profilePages } from './profile.js';
import { applicationPages, everywherePages, sessionPages } from './sessions.js';

export type AccountParts = Omit<DeskParts, 'client' | 'cookies'> &
  PasswordParts &
  ProfileParts & {
    readonly readActivity: ReadActivity;
    readonly keyring: Pick<Keyring, 'seal' | 'open'>;
    readonly changeEmail: ChangeEmail;
    readonly manageDevices: ManageDevices;
    readonly manageSessions: ManageSessions;
    readonly signOutEverywhere: SignOutEverywhere;
    readonly manageApplications: ManageApplications;
    readonly manageApprovals: ManageApprovals;
    readonly secondFactor: ManageSecondFactor;
    readonly managePasskeys: ManagePasskeys;
  };

/** @param fetch asks this very server */
export function accountRoutes(parts: AccountParts, fetch: InProcessFetch): Router<RequestState> {
  const { issuer } = parts;
  const desk = createDesk({
    ...parts,
    client: createAccountClient(issuer, fetch),
    cookies: createAccountCookies(parts),
  });

  desk.page('', { fresh: false }, async (call) => {
    const overview = await parts.lookOver(call.owner);
    const waiting = await parts.manageApprovals.list(call.owner);
    call.ctx.body = accountOverviewPage({
      ...call.frame('overview'),
      ...overview,
      approvals: waiting.length,
    });
  });
  emailPages(desk, parts.changeEmail);
  passwordPages(desk, parts);
  authenticatorPages(desk, { ...parts, host: new URL(issuer).host });
  passkeyPages(desk, parts.managePasskeys);
  devicePages(desk, parts.manageDevices);
  everywherePages(desk, parts.signOutEverywhere);
  sessionPages(desk, parts.manageSessions);
  applicationPages(desk, parts.manageApplications);
  approvalPages(desk, parts.manageApprovals);
  activityPages(desk, parts.readActivity);
  profilePages(desk, parts);
  closingPages(desk, parts);
  return desk.router;
}
