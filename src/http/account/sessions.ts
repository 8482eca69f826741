/** The pages with the browsers that are signed in, and with the applications that have access. */
import type { ManageApplications, OwnApplication } from '../../flows/account/applications.js';
import type { ManageSessions } from '../../flows/account/sessions.js';
import type { SignOutEverywhere } from '../../flows/account/sign-out-everywhere.js';
import { pageOf } from '../language.js';
import {
  accountApplicationQuestionPage,
  accountApplicationsPage,
  accountEverywherePage,
  accountSessionsPage,
  accountSignedOutPage,
} from '../views.js';
import type { Call, Desk } from './desk.js';

const SESSIONS = '/account/sessions';
const APPLICATIONS = '/account/applications';
const FRESH = { fresh: true } as const;

const idOf = ({ ctx }: Call): string => String(ctx.params.id);

export function sessionPages(desk: Desk, sessions: ManageSessions): void {
  desk.page('/sessions', { fresh: false }, async (call) => {
    const all = await sessions.list(call.owner);
    call.ctx.body = accountSessionsPage({ ...call.frame('sessions'), sessions: all });
  });
  desk.form('/sessions/others/end', { ...FRESH, on: SESSIONS }, async (call) => {
    const done = await sessions.end(call.owner, call.visitor, 'others');
    call.goTo(SESSIONS, done === 'done' ? 'sessions-ended' : 'nothing-left');
  });
  desk.form('/sessions/:id/end', { ...FRESH, on: SESSIONS }, async (call) => {
    const done = await sessions.end(call.owner, call.visitor, { id: idOf(call) });
    call.goTo(SESSIONS, done === 'done' ? 'session-ended' : 'nothing-left');
  });
}

export const SIGNED_OUT = '/account/signed-out';
const EVERYWHERE = `${SESSIONS}/everywhere`;

export function everywherePages(desk: Desk, signOutEverywhere: SignOutEverywhere): void {
  desk.page('/sessions/everywhere', FRESH, (call) => {
    const frame = call.frame('sessions');
    call.ctx.body = accountEverywherePage({ ...frame, action: EVERYWHERE });
  });
  desk.form('/sessions/everywhere', { ...FRESH, on: EVERYWHERE }, async (call) => {
    const done = await signOutEverywhere(call.owner, call.visitor);
    if (done === 'overtaken') return call.goTo(SESSIONS, 'changed-meanwhile');
    return call.leave(SIGNED_OUT);
  });
  // Nobody is signed in any more who could be asked for; it tells nothing about anybody.
  desk.router.get(SIGNED_OUT, (ctx) => {
    ctx.type = 'html';
    ctx.body = accountSignedOutPage(pageOf(ctx));
  });
}

export function applicationPages(desk: Desk, applications: ManageApplications): void {
  const find = async (call: Call): Promise<OwnApplication | undefined> => {
    const all = await applications.list(call.owner);
    return all.find(({ clientId }) => clientId === idOf(call));
  };

  desk.page('/applications', { fresh: false }, async (call) => {
    const all = await applications.list(call.owner);
    call.ctx.body = accountApplicationsPage({ ...call.frame('applications'), applications: all });
  });
  desk.page('/applications/:id/remove', FRESH, async (call) => {
    const application = await find(call);
    if (!application) return call.goTo(APPLICATIONS, 'nothing-left');
    call.ctx.body = accountApplicationQuestionPage({
      ...call.frame('applications'),
      action: call.ctx.path,
      application,
    });
  });
  desk.form('/applications/:id/remove', { ...FRESH, on: APPLICATIONS }, async (call) => {
    const done = await applications.remove(call.owner, call.visitor, idOf(call));
    call.goTo(APPLICATIONS, done === 'done' ? 'application-removed' : 'nothing-left');
  });
}
