/** What people see of their own account. */
import * as views from '../../views.js';
import { enrol, recoveryCodes } from './data.js';
import type { Draw, States } from './draw.js';
import {
  addressCode,
  application,
  device,
  devices,
  laptop,
  mara,
  ownEmail,
  password,
  phone,
  restore,
  secondStep,
  session,
} from './shopper.js';

export async function accountStates(draw: Draw): Promise<States> {
  const overviewPage = draw(views.accountOverviewPage);
  const passwordPage = draw(views.accountPasswordPage);
  const emailPage = draw(views.accountEmailPage);
  const addressCodePage = draw(views.accountEmailCodePage);
  const restorePage = draw(views.restoreEmailPage);
  const restoreDonePage = draw(views.restoreDonePage);
  const restoreRefusedPage = draw(views.restoreRefusedPage);
  const secondStepPage = draw(views.accountSecondStepPage);
  const secondStepQuestionPage = draw(views.accountSecondStepQuestionPage);
  const appPage = draw(views.accountAppPage);
  const accountCodesPage = draw(views.accountCodesPage);
  const devicesPage = draw(views.accountDevicesPage);
  const deviceQuestionPage = draw(views.accountDeviceQuestionPage);
  const sessionsPage = draw(views.accountSessionsPage);
  const everywherePage = draw(views.accountEverywherePage);
  const signedOutPage = draw(views.accountSignedOutPage);
  const applicationsPage = draw(views.accountApplicationsPage);
  const applicationQuestionPage = draw(views.accountApplicationQuestionPage);
  const asidePage = draw(views.accountAsidePage);
  return {
    'account-overview': overviewPage({
      ...mara,
      section: 'overview',
      passwordChangedAt: password.changedAt,
      secondFactorSince: new Date('2026-04-02T12:00:00Z'),
      recoveryCodesLeft: 8,
      devices: 3,
    }),
    'account-overview-waiting': overviewPage({
      ...mara,
      section: 'overview',
      passwordChangedAt: password.changedAt,
      secondFactorSince: undefined,
      recoveryCodesLeft: 0,
      devices: 1,
      approvals: 2,
    }),
    'account-overview-new': overviewPage({
      section: 'overview',
      person: { name: undefined, email: 'a.rather.long.address.of.somebody@mail.fernhill.example' },
      csrf: mara.csrf,
      notice: 'password-changed',
      passwordChangedAt: new Date('2026-11-22T09:12:00Z'),
      secondFactorSince: undefined,
      recoveryCodesLeft: 0,
      devices: 1,
    }),
    'account-overview-no-mail': overviewPage({
      ...mara,
      section: 'overview',
      passwordChangedAt: password.changedAt,
      secondFactorSince: undefined,
      recoveryCodesLeft: 0,
      devices: 1,
      mailRefusedAt: new Date('2026-11-20T09:12:00Z'),
    }),
    'account-email': emailPage(ownEmail),
    'account-email-changed': emailPage({ ...ownEmail, notice: 'email-changed' }),
    'account-email-wrong': emailPage({
      ...ownEmail,
      email: 'mara at fernhill',
      problem: { kind: 'address' },
    }),
    'account-email-same': emailPage({
      ...ownEmail,
      email: 'mara@fernhill.example',
      problem: { kind: 'same' },
    }),
    'account-email-gone': emailPage({ ...ownEmail, problem: { kind: 'gone' } }),
    'account-email-taken': emailPage({ ...ownEmail, problem: { kind: 'taken' } }),
    'account-email-limited': emailPage({
      ...ownEmail,
      email: 'mara.holloway@fernhill.example',
      problem: { kind: 'limited', by: 'account', opensAt: '14:32 UTC' },
    }),
    'account-email-limited-network': emailPage({
      ...ownEmail,
      problem: { kind: 'limited', by: 'network', opensAt: '14:32 UTC' },
    }),
    'account-email-code': addressCodePage(addressCode),
    'account-email-code-wrong': addressCodePage({
      ...addressCode,
      email: 'a.rather.long.address.of.somebody@mail.fernhill.example',
      problem: 'wrong-code',
    }),
    'restore-email': restorePage(restore),
    'restore-email-long': restorePage({
      ...restore,
      email: 'a.rather.long.address.of.somebody@mail.fernhill.example',
    }),
    'restore-email-done': restoreDonePage({ recoveryHref: '/recovery' }),
    'restore-email-dead': restoreRefusedPage({ why: 'dead' }),
    'restore-email-taken': restoreRefusedPage({ why: 'taken' }),
    'account-password': passwordPage(password),
    'account-password-wrong': passwordPage({ ...password, problem: { kind: 'wrong-password' } }),
    'account-password-refused': passwordPage({
      ...password,
      problem: {
        kind: 'refused',
        faults: [{ code: 'too-short', least: 12 }, { code: 'contains-context' }],
      },
    }),
    'account-password-locked': passwordPage({
      ...password,
      problem: { kind: 'locked', retryAfterSeconds: 1650 },
    }),
    'account-password-busy': passwordPage({ ...password, problem: { kind: 'overloaded' } }),
    'account-second-step': secondStepPage({
      ...secondStep,
      since: new Date('2026-04-02T12:00:00Z'),
      codesLeft: 8,
      required: false,
      codesWaiting: true,
      passkeys: [],
    }),
    'account-second-step-off': secondStepPage({
      ...secondStep,
      notice: 'app-removed',
      since: undefined,
      codesLeft: 0,
      required: false,
      codesWaiting: false,
      passkeys: [],
    }),
    'account-second-step-staff': secondStepPage({
      ...secondStep,
      since: new Date('2026-04-02T12:00:00Z'),
      codesLeft: 0,
      required: true,
      codesWaiting: false,
      passkeys: [],
    }),
    'account-app': appPage({
      ...enrol,
      ...secondStep,
      action: '/account/authenticators/app',
      replaces: false,
    }),
    'account-app-wrong': appPage({
      ...enrol,
      ...secondStep,
      action: '/account/authenticators/app',
      replaces: true,
      problem: 'wrong-code',
    }),
    'account-codes': accountCodesPage({
      ...secondStep,
      notice: 'app-added',
      action: '/account/recovery-codes',
      codes: recoveryCodes.codes,
      host: 'id.alder-oak.example',
    }),
    'account-codes-not-saved': accountCodesPage({
      ...secondStep,
      action: '/account/recovery-codes',
      codes: recoveryCodes.codes,
      host: 'id.alder-oak.example',
      problem: 'not-saved',
    }),
    'account-remove-app': secondStepQuestionPage({
      ...secondStep,
      action: '/account/authenticators/remove',
      question: 'remove-app',
      codesLeft: 8,
    }),
    'account-new-codes': secondStepQuestionPage({
      ...secondStep,
      action: '/account/recovery-codes/new',
      question: 'new-codes',
      codesLeft: 1,
    }),
    'account-devices': devicesPage({ ...devices, devices: [device, phone, laptop] }),
    'account-devices-none': devicesPage({ ...devices, notice: 'device-forgotten', devices: [] }),
    'account-sessions': sessionsPage({
      ...mara,
      section: 'sessions',
      sessions: [
        session,
        { ...session, id: 'b', device: 'Safari on iPhone', here: false, applications: [] },
      ],
    }),
    'account-everywhere': everywherePage({
      ...mara,
      section: 'sessions',
      action: '/account/sessions/everywhere',
    }),
    'account-signed-out': signedOutPage({}),
    'account-applications': applicationsPage({
      ...mara,
      section: 'applications',
      notice: 'application-removed',
      applications: [application, { ...application, clientId: 'oak', name: 'Alder & Oak' }],
    }),
    'account-applications-none': applicationsPage({
      ...mara,
      section: 'applications',
      applications: [],
    }),
    'account-take-back': applicationQuestionPage({
      ...mara,
      section: 'applications',
      action: '/account/applications/quince/remove',
      application,
    }),
    'account-forget': deviceQuestionPage({
      ...devices,
      action: `/account/devices/${phone.id}/forget`,
      question: { kind: 'forget', device: phone },
    }),
    'account-ask-again': deviceQuestionPage({
      ...devices,
      action: `/account/devices/${device.id}/ask-again`,
      question: { kind: 'distrust', device },
    }),
    'account-forget-others': deviceQuestionPage({
      ...devices,
      notice: 'again',
      action: '/account/devices/others',
      question: { kind: 'forget-others', count: 2 },
    }),
    'account-aside-cancelled': asidePage({ reason: 'cancelled' }),
    'account-aside-lost': asidePage({ reason: 'lost' }),
    'account-aside-unmet': asidePage({ reason: 'unmet' }),
    'account-aside-closed': asidePage({ reason: 'closed' }),
  };
}
