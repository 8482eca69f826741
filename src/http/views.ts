/**
 * One typed function per page: finished data in, an HTML string out. Templates hold the words
 * and escape every value; what may become a link, a form target or a picture is settled here.
 */
export * from './views/account.js';
export * from './views/account-access.js';
export * from './views/account-approvals.js';
export * from './views/account-own.js';
export * from './views/account-second-step.js';
export { PUZZLE_POLICY, type SignInChallenge } from './views/challenge.js';
export * from './views/consent.js';
export * from './views/device.js';
export * from './views/email-change.js';
export * from './views/email-code.js';
export * from './views/leaving.js';
export * from './views/lost-factor.js';
export * from './views/passkeys.js';
export * from './views/recovery.js';
export * from './views/registration.js';
export type { ClientBrand, PageProps } from './views/render.js';
export * from './views/second-step.js';
export * from './views/sign-in.js';
export * from './views/site.js';
