/** An authenticator app that never shows a code it has shown before: servers take each one once. */
import { setTimeout as sleep } from 'node:timers/promises';
import { generateSync } from 'otplib';

const PERIOD_SECONDS = 30;

export type Authenticator = { nextCode(): Promise<string> };

export function authenticator(secret: string): Authenticator {
  let shown = 0;
  const current = () => Math.floor(Date.now() / 1000 / PERIOD_SECONDS);
  return {
    async nextCode() {
      const step = Math.max(current(), shown + 1);
      // One step ahead is still taken, for clocks that run a little apart.
      while (step > current() + 1) await sleep(200);
      shown = step;
      return generateSync({ secret, epoch: step * PERIOD_SECONDS });
    },
  };
}
