/** An authenticator app that never shows a code it has shown before: servers take each one once. */
import { setTimeout as sleep } from 'node:timers/promises';
import { generateSync } from 'otplib';

const PERIOD_SECONDS = 30;

export type Authenticator = {
  nextCode(): Promise<string>;
  /** Six digits that the app shows neither now nor soon, nor did a moment ago. */
  wrongCode(): string;
};

export function authenticator(secret: string): Authenticator {
  let shown = 0;
  const codeAt = (step: number) => generateSync({ secret, epoch: step * PERIOD_SECONDS });
  /** One time in a million a code is that of a step beside it, and taken for a used one. */
  const isAmbiguous = (step: number) =>
    [-2, -1, 1, 2].some((beside) => codeAt(step + beside) === codeAt(step));
  const current = () => Math.floor(Date.now() / 1000 / PERIOD_SECONDS);
  return {
    async nextCode() {
      let step = Math.max(current(), shown + 1);
      while (isAmbiguous(step)) step += 1;
      // One step ahead is still taken, for clocks that run a little apart.
      while (step > current() + 1) await sleep(200);
      shown = step;
      return codeAt(step);
    },
    wrongCode() {
      const right = [-2, -1, 0, 1, 2, 3].map((steps) => codeAt(current() + steps));
      const wrong = Array.from({ length: 7 }, (_, digit) => String(digit).repeat(6));
      return wrong.find((code) => !right.includes(code)) ?? '';
    },
  };
}
