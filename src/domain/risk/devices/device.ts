/**
 * Devices that have logged in to an account before. A browser keeps 256 random bits for it in a
 * cookie, the database their digest. Knowing the device proves nothing about the person: it opens
 * a counter of its own, spares a mail about a new device, and may stand in for the second factor
 * for a while.
 */
import { digest, newBearerValue } from '../../../kernel/ids.js';
import type { Bytes } from '../../../kernel/sealed-box.js';

const DAY = 24 * 60 * 60;

/** How long a device is known after its last full log-in; the cookie lives as long. */
export const DEVICE_SECONDS = 180 * DAY;

/** The longest a device may stand in for the second factor. */
export const SECOND_FACTOR_TRUST_SECONDS = 30 * DAY;

/** Each device is ten more guesses and a row; nobody logs in on more than these. */
export const DEVICES_PER_ACCOUNT = 20;

export type KnownDevice = {
  readonly id: string;
  readonly label: string;
  readonly createdAt: Date;
  readonly lastSeenAt: Date;
  readonly expiresAt: Date;
  readonly mfaTrustedUntil: Date | null;
};

/**
 * Whether the device stands in for the second factor at `now`. For shoppers only: a member of
 * staff shows it every time, whatever the device (PCI DSS 4.0.1, 8.4).
 */
export function trustsSecondFactor(device: KnownDevice, now: Date): boolean {
  return device.mfaTrustedUntil !== null && device.mfaTrustedUntil > now;
}

/** The asked-for trust, within its bound; null for none. */
export function trustSeconds(asked: number | undefined): number | null {
  if (asked === undefined || !(asked > 0)) return null;
  return Math.min(asked, SECOND_FACTOR_TRUST_SECONDS);
}

/** A value for the cookie, and the digest that is stored. */
export function newDeviceToken(): { token: string; tokenHash: Bytes } {
  const token = newBearerValue();
  return { token, tokenHash: digest(token) };
}

/** Labels are our own words; whoever passes something longer gets the start of it. */
export const shortLabel = (label: string): string => label.slice(0, 60);
