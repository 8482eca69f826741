/** What is to be said of the settings. Pure. */
import { type Finding, note, warning } from './findings.js';

/** The settings as this process was given them. */
export type PostureSettings = {
  readonly production: boolean;
  readonly issuer: string;
  readonly redis: boolean;
  readonly rateLimits: boolean;
  readonly botChallenge: string;
  readonly passwordMinLength: number;
  readonly factorResetHours: number;
  readonly seed: string;
};

/** Below this, guessing gets cheaper than it has to be (NIST SP 800-63B 3.1.1). */
const USUAL_PASSWORD_LENGTH = 12;

export function settingsFindings(settings: PostureSettings): Finding[] {
  const found: Finding[] = [];
  if (!settings.production) {
    found.push(warning('not-production', 'NODE_ENV', 'development defaults are not refused'));
  }
  if (!settings.issuer.startsWith('https:')) {
    found.push(warning('http-issuer', 'LATCHKEY_ISSUER', `${settings.issuer} can be listened to`));
  }
  if (!settings.rateLimits) {
    found.push(warning('no-rate-limits', 'LATCHKEY_RATE_LIMITS', 'networks may guess on and on'));
  }
  if (settings.botChallenge === 'off') {
    found.push(
      warning('no-bot-challenge', 'LATCHKEY_BOT_CHALLENGE', 'guessing costs no work at all'),
    );
  }
  if (settings.passwordMinLength < USUAL_PASSWORD_LENGTH) {
    const says = `new passwords may have ${settings.passwordMinLength} characters`;
    found.push(warning('short-passwords', 'LATCHKEY_PASSWORD_MIN_LENGTH', says));
  }
  if (settings.factorResetHours === 0) {
    const says = 'a lost second factor goes at once, before its owner can say no';
    found.push(warning('instant-reset', 'LATCHKEY_FACTOR_RESET_HOURS', says));
  }
  if (settings.seed === 'demo') {
    found.push(warning('demo-seed', 'LATCHKEY_SEED', 'the demo shop’s people can log in'));
  }
  if (!settings.redis) {
    const says = 'the database counts the failures of networks: sound, and slower under attack';
    found.push(note('no-redis', 'REDIS_URL', says));
  }
  return found;
}
