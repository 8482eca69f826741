/** Every page in every state a person can meet, for the browser tests and for the pictures. */
import { createChallenge } from 'altcha-lib';
import { deriveKey } from 'altcha-lib/algorithms/pbkdf2';
import { toString as drawQr } from 'qrcode';
import * as views from '../../src/http/views.js';
import type { Language } from '../../src/kernel/language.js';
import { wordsIn } from '../../src/words/index.js';

/** On the scripts and stylesheets of every page below, for the content policy. */
export const pageNonce = 'page-states';

/** How a page is drawn once more in another language, by what it is in English. */
const drawnIn = new Map<string, (language: Language) => string>();

function nonced<Props extends views.PageProps>(page: (props: Props) => string) {
  return (props: Props) => {
    const english = page({ here: '/signin/7f3c', ...props, nonce: pageNonce });
    drawnIn.set(english, (language) =>
      page({ ...props, nonce: pageNonce, language, here: '/account' }),
    );
    return english;
  };
}

/** One of the pages below in another language, with the choice of languages at its foot. */
export function pageStateIn(language: Language, name: string): string {
  const draw = drawnIn.get(pageStates[name] ?? '');
  if (!draw) throw new Error(`There is no page ${name}`);
  return draw(language);
}

const signInPage = nonced(views.signInPage);
const lockedPage = nonced(views.lockedPage);
const endedPage = nonced(views.endedPage);
const codePage = nonced(views.codePage);
const recoveryCodePage = nonced(views.recoveryCodePage);
const enrolPage = nonced(views.enrolPage);
const recoveryCodesPage = nonced(views.recoveryCodesPage);
const consentPage = nonced(views.consentPage);
const signOutPage = nonced(views.signOutPage);
const signedOutPage = nonced(views.signedOutPage);
const continuePage = nonced(views.continuePage);
const errorPage = nonced(views.errorPage);
const homePage = nonced(views.homePage);
const overviewPage = nonced(views.accountOverviewPage);
const passwordPage = nonced(views.accountPasswordPage);
const emailPage = nonced(views.accountEmailPage);
const addressCodePage = nonced(views.accountEmailCodePage);
const restorePage = nonced(views.restoreEmailPage);
const restoreDonePage = nonced(views.restoreDonePage);
const restoreRefusedPage = nonced(views.restoreRefusedPage);
const secondStepPage = nonced(views.accountSecondStepPage);
const secondStepQuestionPage = nonced(views.accountSecondStepQuestionPage);
const appPage = nonced(views.accountAppPage);
const accountCodesPage = nonced(views.accountCodesPage);
const devicesPage = nonced(views.accountDevicesPage);
const deviceQuestionPage = nonced(views.accountDeviceQuestionPage);
const sessionsPage = nonced(views.accountSessionsPage);
const applicationsPage = nonced(views.accountApplicationsPage);
const applicationQuestionPage = nonced(views.accountApplicationQuestionPage);
const profilePage = nonced(views.accountProfilePage);
const phonePage = nonced(views.accountPhonePage);
const exportPage = nonced(views.accountExportPage);
const closePage = nonced(views.accountClosePage);
const farewellPage = nonced(views.accountFarewellPage);
const activityPage = nonced(views.accountActivityPage);
const asidePage = nonced(views.accountAsidePage);
const askPage = nonced(views.recoveryAskPage);
const sentPage = nonced(views.recoverySentPage);
const newPasswordPage = nonced(views.recoveryPasswordPage);
const donePage = nonced(views.recoveryDonePage);
const deadPage = nonced(views.recoveryDeadPage);
const stopResetPage = nonced(views.stopResetPage);
const passkeyPage = nonced(views.passkeyPage);
const newPasskeyPage = nonced(views.accountNewPasskeyPage);
const passkeyNamePage = nonced(views.accountPasskeyNamePage);
const passkeyQuestionPage = nonced(views.accountPasskeyQuestionPage);
const registerPage = nonced(views.registerPage);
const registerCodePage = nonced(views.registerCodePage);
const registerPasswordPage = nonced(views.registerPasswordPage);
const registerDonePage = nonced(views.registerDonePage);
const registerDeadPage = nonced(views.registerDeadPage);
const emailCodeAskPage = nonced(views.emailCodeAskPage);
const emailCodePage = nonced(views.emailCodePage);
const emailCodeDeadPage = nonced(views.emailCodeDeadPage);

const client = {
  name: 'Alder & Oak',
  policyUri: 'https://alder-oak.example/privacy',
  tosUri: 'https://alder-oak.example/terms',
};

const signIn = {
  client,
  recoveryHref: '/recovery?from=7f3c',
  action: '/signin/7f3c',
  cancelAction: '/signin/7f3c/cancel',
  csrf: 'k2Jx0Yw1',
};

/** Signs the challenge of the log-in page with a puzzle, so a test can check what comes back. */
export const challengeSecret = 'page-states';

/** A puzzle that takes every browser a moment, or one that outlasts any wait. */
async function puzzle(counter: number, waitSeconds: number) {
  const challenge = await createChallenge({
    algorithm: 'PBKDF2/SHA-256',
    cost: 2000,
    counter,
    deriveKey,
    hmacSignatureSecret: challengeSecret,
    expiresAt: new Date(Date.now() + 3_600_000),
  });
  const challengeJson = JSON.stringify(challenge);
  return { kind: 'puzzle', challengeJson, waitToken: 'w4it', waitSeconds } as const;
}

const step = {
  client,
  action: '/signin/7f3c/code',
  cancelAction: '/signin/7f3c/cancel',
  csrf: 'k2Jx0Yw1',
};
const code = { ...step, recoveryAction: '/signin/7f3c?use=recovery' };
const recoveryCode = {
  ...step,
  action: '/signin/7f3c/recovery-code',
  codeAction: '/signin/7f3c?use=app',
};

const otpauthUri =
  'otpauth://totp/Alder%20%26%20Oak:mara%40fernhill.example?secret=JBSWY3DPEHPK3PXPKRSXG5BAONSWG4TF&issuer=Alder%20%26%20Oak';
const enrol = {
  ...step,
  action: '/signin/7f3c/second-step',
  qrSvg: await drawQr(otpauthUri, { type: 'svg', margin: 0 }),
  secret: 'JBSWY3DPEHPK3PXPKRSXG5BAONSWG4TF',
  accountName: 'Alder & Oak: mara@fernhill.example',
  otpauthUri,
};

const recoveryCodes = {
  client,
  action: '/signin/7f3c/recovery-codes',
  csrf: 'k2Jx0Yw1',
  codes: [
    'K7QM-2VXA-9RTD-HW4C',
    'P3ZE-8NKD-5GYB-QX6M',
    'T9WH-4CJR-7MVA-2KDE',
    'B6XN-5PGZ-3QHT-8YRW',
    'M2DK-9TVE-6WCA-4JNX',
    'R8GY-3HQB-5ZPM-7VTK',
    'W4CA-6XJD-2NEH-9GRP',
    'H5VT-7KMY-8BXQ-3ZWD',
    'Z3NP-4RGE-9TCJ-6HAM',
    'D7YB-2QWK-5XVH-8PNT',
  ],
};

const locked = {
  client,
  recoveryHref: '/recovery?from=7f3c',
  requestId: '01JD3V7M2Q8W',
  cancelAction: step.cancelAction,
  csrf: step.csrf,
};

const recovery = { client, action: '/recovery', csrf: 'k2Jx0Yw1', backHref: '/signin/7f3c' };
const newPassword = {
  client,
  action: '/recovery/new-password',
  csrf: 'k2Jx0Yw1',
  email: 'mara@fernhill.example',
  minLength: 12,
};

const consent = {
  client,
  redirectHost: 'alder-oak.example',
  action: '/signin/7f3c/consent',
  cancelAction: '/signin/7f3c/cancel',
  csrf: 'k2Jx0Yw1',
  signedInAs: 'm•••@fernhill.example',
};

const logoutForm = {
  formHtml:
    '<form id="op.logoutForm" method="post" action="/oauth2/logout/confirm"><input type="hidden" name="xsrf" value="p9"/></form>',
  formId: 'op.logoutForm',
};

const mara = {
  person: { name: 'Mara Fernhill', email: 'mara@fernhill.example' },
  csrf: 'k2Jx0Yw1',
} as const;
const password = {
  ...mara,
  section: 'password',
  action: '/account/password',
  minLength: 12,
  changedAt: new Date('2026-03-08T10:00:00Z'),
} as const;
const secondStep = { ...mara, section: 'second-step' } as const;
const device = {
  id: '6f3b0c54-5a7e-4f0e-9f57-1d4f1b6f3a10',
  label: 'Firefox on Windows',
  createdAt: new Date('2026-02-14T08:30:00Z'),
  lastSeenAt: new Date('2026-11-22T09:12:00Z'),
  here: true,
  trustedUntil: new Date('2026-12-20T09:12:00Z'),
};
const phone = {
  ...device,
  id: '0c2f7f50-6f0b-4b55-8f6c-7f1a3f0f9b21',
  label: 'Safari on iPhone',
  lastSeenAt: new Date('2026-11-19T18:40:00Z'),
  here: false,
  trustedUntil: undefined,
};
const laptop = {
  ...phone,
  id: '3a9d5c18-0f37-4a4e-bd0a-54c3cf5d2b7e',
  label: 'Samsung Internet on Android',
  lastSeenAt: new Date('2026-09-02T06:05:00Z'),
};
const devices = { ...mara, section: 'devices' } as const;

const session = {
  id: 'Zk3v',
  device: 'Firefox on Windows',
  signedInAt: new Date('2026-11-22T09:12:00Z'),
  seenAt: new Date('2026-11-22T11:40:00Z'),
  here: true,
  applications: ['Alder & Oak'],
};
const application = {
  clientId: 'quince',
  name: 'Quince & Fig',
  since: new Date('2026-06-02T10:00:00Z'),
  identity: ['openid', 'email', 'offline_access'],
  resources: [
    {
      indicator: 'https://api.demo-shop.example/orders',
      name: 'Orders',
      scopes: [{ name: 'orders:read', description: 'See your orders' }],
    },
  ],
};

const ownEmail = { ...mara, section: 'email', action: '/account/email', email: '' } as const;
const addressCode = {
  ...ownEmail,
  action: '/account/email/code',
  againHref: '/account/email',
  email: 'mara.holloway@fernhill.example',
};
const restore = {
  action: '/restore-email/ask',
  csrf: 'k2Jx0Yw1',
  email: 'mara@fernhill.example',
};
const profile = {
  ...mara,
  section: 'profile',
  action: '/account/profile',
  email: mara.person.email,
  longest: 100,
  fields: [
    { field: 'name', value: 'Mara Quist', editable: true },
    { field: 'given_name', value: 'Mara', editable: true },
    { field: 'family_name', value: 'Quist', editable: true },
    { field: 'phone', value: '+441632960961', editable: true },
    { field: 'locale', value: '', editable: true },
  ],
} as const;
const closing = { ...mara, section: 'profile', action: '/account/close', typed: '' } as const;
const nothing = { application: undefined, device: undefined, network: undefined };
const activity = {
  ...mara,
  section: 'activity',
  first: true,
  older: 'c2VhbGVk',
  entries: [
    { ...nothing, kind: 'second-step-reset', at: new Date('2026-11-22T11:40:00Z') },
    {
      kind: 'signed-in',
      at: new Date('2026-11-22T09:12:00Z'),
      application: 'Alder & Oak',
      device: 'Firefox on Windows',
      network: '203.0.113.0/24',
    },
    {
      ...nothing,
      kind: 'password-wrong',
      at: new Date('2026-11-21T23:58:00Z'),
      application: 'Quince & Fig',
      network: '2001:db8:7::/48',
    },
    { ...nothing, kind: 'application-replayed', at: new Date('2026-11-02T10:00:00Z') },
    { ...nothing, kind: 'account-created', at: new Date('2026-06-02T10:00:00Z') },
  ],
} as const;

const ownStates: Readonly<Record<string, string>> = {
  'account-profile': profilePage({ ...profile, notice: 'profile-saved' }),
  'account-profile-wrong': profilePage({
    ...profile,
    fields: [
      { field: 'name', value: 'x'.repeat(101), editable: true, fault: 'too-long' },
      { field: 'given_name', value: 'Mara', editable: true, fault: 'not-plain' },
      { field: 'family_name', value: '', editable: true },
      { field: 'phone', value: '', editable: true },
      { field: 'locale', value: 'xx', editable: true, fault: 'not-a-language' },
    ],
  }),
  'account-profile-fixed': profilePage({
    ...profile,
    fields: [
      { field: 'name', value: 'Mara Quist', editable: false },
      { field: 'phone', value: '+441632960961', editable: false },
      { field: 'locale', value: 'fr', editable: false },
    ],
  }),
  'account-phone': phonePage({ ...profile, action: '/account/profile/phone', phone: '' }),
  'account-phone-wrong': phonePage({
    ...profile,
    action: '/account/profile/phone',
    phone: '01632 960961',
    fault: 'not-a-number',
  }),
  'account-export': exportPage({ ...profile, action: '/account/export' }),
  'account-activity': activityPage(activity),
  'account-activity-last': activityPage({
    ...activity,
    older: undefined,
    first: false,
  }),
  'account-activity-none': activityPage({ ...activity, entries: [], older: undefined }),
  'account-close': closePage({ ...closing, staff: false }),
  'account-close-wrong': closePage({
    ...closing,
    staff: false,
    typed: 'mara@fernhil.example',
    problem: 'not-confirmed',
  }),
  'account-close-staff': closePage({ ...closing, staff: true }),
  'account-closed': farewellPage({}),
};

const accountStates: Readonly<Record<string, string>> = {
  'account-overview': overviewPage({
    ...mara,
    section: 'overview',
    passwordChangedAt: password.changedAt,
    secondFactorSince: new Date('2026-04-02T12:00:00Z'),
    recoveryCodesLeft: 8,
    devices: 3,
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

const register = {
  client,
  action: '/signin/7f3c/register',
  csrf: 'k2Jx0Yw1',
  signInHref: '/signin/7f3c',
};
const registerCode = {
  ...register,
  email: 'mara@fernhill.example',
  againHref: '/signin/7f3c/register',
};
const registerPassword = { ...register, email: 'mara@fernhill.example', minLength: 12 };

const registerStates = {
  'register-ask': registerPage(register),
  'register-ask-address': registerPage({
    ...register,
    name: 'Mara Quill',
    email: 'mara@fernhill',
    problem: 'address',
  }),
  'register-ask-puzzle': registerPage({
    ...register,
    email: 'mara@fernhill.example',
    problem: 'check',
    challenge: await puzzle(60, 5),
  }),
  'register-code': registerCodePage(registerCode),
  'register-code-wrong': registerCodePage({
    ...registerCode,
    email: 'a.rather.long.address.of.somebody@mail.fernhill.example',
    problem: 'wrong-code',
  }),
  'register-password': registerPasswordPage(registerPassword),
  'register-password-refused': registerPasswordPage({
    ...registerPassword,
    problem: { kind: 'refused', faults: [{ code: 'too-short', least: 12 }] },
  }),
  'register-password-overloaded': registerPasswordPage({
    ...registerPassword,
    problem: { kind: 'overloaded' },
  }),
  'register-done': registerDonePage({ client, outcome: 'created' }),
  'register-done-shop': registerDonePage({
    client,
    outcome: 'created',
    clientUri: 'https://alder-oak.example/',
  }),
  'register-taken': registerDonePage({ client, outcome: 'taken', signInHref: '/signin/7f3c' }),
  'register-dead': registerDeadPage({ client, againHref: '/signin/7f3c/register' }),
  'register-dead-plain': registerDeadPage({}),
};

const emailCode = {
  client,
  action: '/signin/7f3c/email-code',
  csrf: 'k2Jx0Yw1',
  signInHref: '/signin/7f3c',
  againHref: '/signin/7f3c/email-code',
};
const emailCodeSent = { ...emailCode, login: 'mara@fernhill.example' };

const emailCodeStates = {
  'email-code-ask': emailCodeAskPage(emailCode),
  'email-code-ask-address': emailCodeAskPage({
    ...emailCode,
    login: 'mara@fernhill',
    problem: 'address',
  }),
  'email-code-ask-puzzle': emailCodeAskPage({
    ...emailCodeSent,
    problem: 'check',
    challenge: await puzzle(500, 5),
  }),
  'email-code-waiting': emailCodePage(emailCodeSent),
  'email-code-wrong': emailCodePage({ ...emailCodeSent, problem: 'wrong-code' }),
  'email-code-long': emailCodePage({
    ...emailCodeSent,
    client: { name: 'Donaudampfschifffahrtsgesellschaft für Reisen und Sonderfahrten' },
    login: `${'a.very.long.address.'.repeat(4)}x@sub.domain.fernhill.example`,
  }),
  'email-code-dead': emailCodeDeadPage(emailCode),
};

const recoveryStates = {
  'lost-factor-ask': stopResetPage({
    here: '/recovery/second-step',
    state: {
      kind: 'ask',
      effectiveAt: new Date('2026-11-23T09:12:00Z'),
      action: '/recovery/second-step',
      csrf: 'k2Jx0Yw1',
    },
  }),
  'lost-factor-stopped': stopResetPage({ state: { kind: 'stopped', passwordHref: '/recovery' } }),
  'lost-factor-dead': stopResetPage({ state: { kind: 'dead' } }),
  'recovery-ask': askPage(recovery),
  'recovery-ask-plain': askPage({ action: '/recovery', csrf: 'k2Jx0Yw1' }),
  'recovery-ask-puzzle': askPage({
    ...recovery,
    login: 'mara@fernhill.example',
    problem: 'check',
    challenge: await puzzle(60, 5),
  }),
  'recovery-sent': sentPage({ client, againHref: '/recovery', backHref: '/signin/7f3c' }),
  'recovery-sent-plain': sentPage({ againHref: '/recovery' }),
  'recovery-new-password': newPasswordPage(newPassword),
  'recovery-new-password-plain': newPasswordPage({
    ...newPassword,
    client: undefined,
    email: 'a.rather.long.address.of.somebody@mail.fernhill.example',
  }),
  'recovery-new-password-refused': newPasswordPage({
    ...newPassword,
    problem: {
      kind: 'refused',
      faults: [{ code: 'too-short', least: 12 }, { code: 'contains-context' }],
    },
  }),
  'recovery-new-password-overloaded': newPasswordPage({
    ...newPassword,
    problem: { kind: 'overloaded' },
  }),
  'recovery-done': donePage({ client, signInHref: '/signin/7f3c' }),
  'recovery-done-shop': donePage({ client, clientUri: 'https://alder-oak.example/' }),
  'recovery-done-plain': donePage({}),
  'recovery-dead': deadPage({ client, againHref: '/recovery' }),
};

const passkey = {
  action: '/signin/7f3c/passkey',
  options: '/signin/7f3c/passkey-options',
  page: '/signin/7f3c',
};
const newPasskey = {
  ...secondStep,
  passkey: { ...passkey, page: '/account/authenticators/passkeys/new' },
  name: 'Firefox on Windows',
  most: 20,
};
const ownPasskey = {
  id: '4dca9589-3cd5-4afd-8b89-3d722a3ee6b4',
  name: 'my phone',
  createdAt: new Date('2026-04-02T12:00:00Z'),
  lastUsedAt: new Date('2026-11-20T07:30:00Z'),
  backedUp: true,
  needed: false,
};
const passkeyPages: Readonly<Record<string, string>> = {
  'sign-in-passkey-refused': signInPage({ ...signIn, passkey, problem: 'passkey' }),
  'code-or-passkey': codePage({ ...code, rememberable: true, passkey }),
  passkey: passkeyPage({ ...signIn, passkey }),
  'passkey-refused': passkeyPage({ ...signIn, passkey, problem: 'passkey' }),
  'account-passkeys': secondStepPage({
    ...secondStep,
    notice: 'passkey-added',
    since: new Date('2026-04-02T12:00:00Z'),
    codesLeft: 8,
    required: true,
    codesWaiting: false,
    passkeys: [ownPasskey, { ...ownPasskey, lastUsedAt: null, backedUp: false, needed: true }],
  }),
  'account-passkey-new': newPasskeyPage(newPasskey),
  'account-passkey-too-many': newPasskeyPage({ ...newPasskey, problem: 'too-many' }),
  'account-passkey-name': passkeyNamePage({ ...secondStep, action: '/a', passkey: ownPasskey }),
  'account-passkey-remove': passkeyQuestionPage({
    ...secondStep,
    action: '/a',
    passkey: ownPasskey,
  }),
};

/** A consent with everything in it: what an operator named is in the operator's language. */
const consentFull = {
  ...consent,
  identity: (['openid', 'profile', 'email', 'phone', 'address', 'other'] as const).map(
    (labelKey) => ({
      scope: labelKey === 'other' ? 'loyalty' : labelKey,
      labelKey,
    }),
  ),
  resources: [
    {
      name: 'Your account',
      account: true,
      scopes: [
        { name: 'account:read', description: '' },
        { name: 'account:write', description: '' },
      ],
    },
    {
      indicator: 'https://api.demo-shop.example/orders',
      name: 'Orders',
      scopes: [{ name: 'orders:read', description: 'See your orders' }],
    },
  ],
  offline: true,
  accountHref: '/account',
};

/** The longest words, and the ones without spaces. */
const otherLanguages = Object.fromEntries(
  (['de', 'ja'] as const).flatMap((language) =>
    Object.entries({
      'sign-in': signInPage({
        ...signIn,
        language,
        login: 'mara@fernhill.example',
        problem: 'passkey',
        challenge: { kind: 'wait', token: 'w4it', seconds: 20 },
        passkey,
        registerHref: '/signin/7f3c/register',
      }),
      code: codePage({ ...code, language, rememberable: true, passkey, problem: 'used-code' }),
      passkey: passkeyPage({ ...signIn, language, passkey, problem: 'passkey' }),
      'recovery-code': recoveryCodePage({ ...recoveryCode, language, problem: 'wrong-code' }),
      enrol: enrolPage({ ...enrol, language, required: true, problem: 'wrong-code' }),
      'recovery-codes': recoveryCodesPage({ ...recoveryCodes, language, problem: 'not-saved' }),
      locked: lockedPage({
        ...locked,
        language,
        retryAfterSeconds: 1650,
        opensAt: new Date('2026-11-22T14:32:00Z'),
      }),
      ended: endedPage({ ...step, language }),
      consent: consentPage({ ...consentFull, language }),
      'sign-out': signOutPage({ ...logoutForm, language, clientName: 'Alder & Oak' }),
      'signed-out': signedOutPage({
        language,
        clientName: 'Alder & Oak',
        clientUri: 'https://alder-oak.example/',
      }),
      continue: continuePage({ language, action: '/callback', fields: { code: 'c0de' } }),
      error: errorPage({
        language,
        status: 500,
        title: wordsIn(language).t('errors.internal'),
        message: wordsIn(language).t('errors.internal-what'),
        requestId: '01JD3V7M2Q8T',
        backHref: 'https://alder-oak.example/',
      }),
    }).map(([name, page]) => [`${language}-${name}`, page]),
  ),
);

export const pageStates: Readonly<Record<string, string>> = {
  ...otherLanguages,
  'consent-everything': consentPage(consentFull),
  ...recoveryStates,
  ...passkeyPages,
  'sign-in': signInPage(signIn),
  'sign-in-email-code': signInPage({
    ...signIn,
    emailCodeHref: '/signin/7f3c/email-code',
    registerHref: '/signin/7f3c/register',
  }),
  'sign-in-newcomers': signInPage({ ...signIn, registerHref: '/signin/7f3c/register' }),
  'sign-in-rejected': signInPage({
    ...signIn,
    login: 'mara@fernhill.example',
    problem: 'rejected',
  }),
  'sign-in-expired': signInPage({ ...signIn, login: 'mara@fernhill.example', problem: 'expired' }),
  'sign-in-overloaded': signInPage({
    ...signIn,
    login: 'mara@fernhill.example',
    problem: 'overloaded',
  }),
  'sign-in-long-name': signInPage({
    ...signIn,
    client: {
      name: 'Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft',
    },
  }),
  'sign-in-puzzle': signInPage({
    ...signIn,
    login: 'mara@fernhill.example',
    problem: 'check',
    challenge: await puzzle(40, 20),
  }),
  'sign-in-puzzle-slow': signInPage({ ...signIn, challenge: await puzzle(10_000_000, 3) }),
  'sign-in-wait': signInPage({
    ...signIn,
    login: 'mara@fernhill.example',
    problem: 'check',
    challenge: { kind: 'wait', token: 'w4it', seconds: 2 },
  }),
  code: codePage({ ...code, rememberable: true }),
  'code-wrong': codePage({ ...code, rememberable: true, problem: 'wrong-code' }),
  'code-used': codePage({ ...code, rememberable: false, problem: 'used-code' }),
  'recovery-code': recoveryCodePage(recoveryCode),
  'recovery-code-wrong': recoveryCodePage({ ...recoveryCode, problem: 'wrong-code' }),
  enrol: enrolPage({ ...enrol, required: false }),
  'enrol-required-wrong': enrolPage({ ...enrol, required: true, problem: 'wrong-code' }),
  'enrol-expired': enrolPage({ ...enrol, required: true, problem: 'expired' }),
  'recovery-codes': recoveryCodesPage(recoveryCodes),
  'recovery-codes-not-saved': recoveryCodesPage({ ...recoveryCodes, problem: 'not-saved' }),
  locked: lockedPage({
    ...locked,
    retryAfterSeconds: 1650,
    opensAt: new Date('2026-11-22T14:32:00Z'),
  }),
  ended: endedPage({ ...step }),
  'locked-long': lockedPage({
    client,
    requestId: locked.requestId,
    retryAfterSeconds: 9_000,
    opensAt: new Date('2026-11-22T17:04:00Z'),
  }),
  consent: consentPage({
    ...consent,
    identity: [
      { scope: 'openid', labelKey: 'openid' },
      { scope: 'profile', labelKey: 'profile' },
      { scope: 'email', labelKey: 'email' },
    ],
    resources: [
      {
        name: 'Orders',
        scopes: [
          { name: 'orders:read', description: 'See your orders and where they are' },
          { name: 'cart:write', description: 'Put things in your basket and take them out' },
        ],
      },
      {
        name: 'Catalogue',
        scopes: [{ name: 'catalog:read', description: 'See products, prices and stock' }],
      },
    ],
    offline: true,
    accountHref: '/account',
  }),
  'consent-small': consentPage({
    ...consent,
    identity: [{ scope: 'openid', labelKey: 'openid' }],
    resources: [],
    offline: false,
  }),
  'sign-out': signOutPage({ ...logoutForm, clientName: 'Alder & Oak' }),
  'sign-out-no-client': signOutPage(logoutForm),
  'signed-out': signedOutPage({
    clientName: 'Alder & Oak',
    clientUri: 'https://alder-oak.example/',
  }),
  'signed-out-no-client': signedOutPage({}),
  continue: continuePage({
    action: '/callback',
    fields: { code: 'c0de', state: 'st4te', submit: 'a field may be called this' },
  }),
  'error-400': errorPage({
    status: 400,
    title: 'This sign-in link no longer works',
    message:
      'It was opened in another browser or has been used already. Go back to the shop and choose “Sign in” again.',
    requestId: '01JD3V7M2Q8R',
    backHref: 'https://alder-oak.example/',
  }),
  'error-403': errorPage({
    status: 403,
    title: 'Staff need a second step',
    message:
      'This account belongs to staff, who never sign in with a password alone, and it has no second step yet. Ask your administrator for one.',
    requestId: '01JD3V7M2Q8X',
  }),
  'error-429': errorPage({
    status: 429,
    title: 'Too many requests at once',
    message:
      'They came from your network, perhaps not from you. Wait a minute, then reload this page.',
    requestId: '01JD3V7M2Q8Y',
  }),
  'error-404': errorPage({
    status: 404,
    title: 'There is nothing here',
    message: 'The address may be mistyped, or the page has moved.',
    requestId: '01JD3V7M2Q8S',
    backHref: '/',
  }),
  'error-421': errorPage({
    status: 421,
    title: 'This server does not answer under that name',
    message: 'Check the address, then open the shop again from its own page.',
  }),
  'error-500': errorPage({
    status: 500,
    title: 'Something went wrong on our side',
    message: 'Nothing was changed. Please try again in a minute.',
    requestId: '01JD3V7M2Q8T',
  }),
  'error-503': errorPage({
    status: 503,
    title: 'Sign-in is taking a short break',
    message:
      'We cannot reach our database at the moment. Wait a few seconds, then reload this page.',
    requestId: '01JD3V7M2Q8V',
  }),
  home: homePage({ issuer: 'https://id.alder-oak.example', development: false }),
  'home-development': homePage({
    issuer: 'http://localhost:3000',
    development: true,
    storefrontUrl: 'http://localhost:4000/',
    logins: [
      { label: 'Shopper', login: 'shopper@demo-shop.example', password: 'mQ4v-tK9x-w2Lp' },
      {
        label: 'Shopper with a code',
        login: 'shopper-mfa@demo-shop.example',
        password: 'Zc7n-aR3b-y8Hd',
      },
      { label: 'Support', login: 'support@demo-shop.example', password: 'Ue5k-pW6s-j4Fg' },
      { label: 'Administrator', login: 'admin@demo-shop.example', password: 'Bx2r-gN8m-q7Tv' },
    ],
  }),
  ...accountStates,
  ...ownStates,
  ...registerStates,
  ...emailCodeStates,
};
