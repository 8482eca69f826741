/** What a page tells once, about what was done a moment ago. The template chooses the words. */

export const notices = [
  'again',
  'cancelled',
  'other-account',
  'changed-meanwhile',
  'email-changed',
  'password-changed',
  'app-added',
  'app-removed',
  'key-expired',
  'codes-kept',
  'device-forgotten',
  'devices-forgotten',
  'device-distrusted',
  'session-ended',
  'sessions-ended',
  'application-removed',
  'approval-given',
  'approval-refused',
  'approvals-stopped',
  'passkey-added',
  'passkey-renamed',
  'passkey-removed',
  'profile-saved',
  'nothing-left',
] as const;

export type Notice = (typeof notices)[number];

export function isNotice(value: unknown): value is Notice {
  return notices.some((notice) => notice === value);
}
