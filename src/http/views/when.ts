/** Times as people read them. The server does not know the reader's time zone: it names its own. */

/** Rounded up, so nobody comes back too early. */
export function waitingTime(seconds: number): { count: number; unit: 'minute' | 'hour' } {
  const minutes = Math.max(1, Math.ceil(seconds / 60));
  if (minutes < 120) return { count: minutes, unit: 'minute' };
  return { count: Math.ceil(minutes / 60), unit: 'hour' };
}

/** The minute in which so many seconds have passed, rounded up for the same reason. */
export function minuteAfter(seconds: number): Date {
  return new Date(Math.ceil((Date.now() + seconds * 1000) / 60_000) * 60_000);
}

/** "14:32 UTC", so many seconds from now. */
export function clockTime(inSeconds: number): string {
  const opens = new Date(Math.ceil((Date.now() + inSeconds * 1000) / 60_000) * 60_000);
  return `${opens.toISOString().slice(11, 16)} UTC`;
}
