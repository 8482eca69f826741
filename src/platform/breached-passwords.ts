/**
 * Have I Been Pwned's "Pwned Passwords", asked so that it learns nothing: only the first five
 * hex digits of the SHA-1 leave the house, and the answer, padded against eavesdroppers who
 * count bytes, holds some thousand candidates (k-anonymity; OWASP ASVS 6.2.12).
 *
 * It fails open: when it does not answer in a second nobody is kept from choosing a password,
 * and `onFailure` hears of it.
 */
import { createHash } from 'node:crypto';

export type BreachedPasswords = {
  isBreached(password: string): Promise<boolean | 'unknown'>;
};

const TIMEOUT_MS = 1_000;
// A padded range is some 60 kB; more than this is not one.
const LONGEST_ANSWER = 1024 * 1024;

export function createBreachedPasswords(options: {
  readonly fetch: typeof fetch;
  /** Told why a password was let through unasked. Never told the password or its hash. */
  readonly onFailure?: (reason: unknown) => void;
  /** Of a range service, up to where the five digits go. */
  readonly url: string;
  readonly timeoutMs?: number;
}): BreachedPasswords {
  const { onFailure, url, timeoutMs = TIMEOUT_MS } = options;

  async function askFor(prefix: string, signal: AbortSignal): Promise<string> {
    const response = await options.fetch(`${url}${prefix}`, {
      headers: { 'add-padding': 'true', accept: 'text/plain', 'user-agent': 'latchkey' },
      // Somebody who answers in the service's name must not send us elsewhere.
      redirect: 'error',
      signal,
    });
    if (!response.ok) {
      await response.body?.cancel();
      throw new Error(`Pwned Passwords answered ${response.status}`);
    }
    return readAtMost(response, LONGEST_ANSWER);
  }

  return {
    async isBreached(password) {
      const hash = createHash('sha1').update(password.normalize('NFC'), 'utf8').digest('hex');
      const [prefix, suffix] = [hash.slice(0, 5).toUpperCase(), hash.slice(5).toUpperCase()];
      const limit = new AbortController();
      let timer: NodeJS.Timeout | undefined;
      const late = new Promise<never>((_resolve, reject) => {
        timer = setTimeout(() => {
          const error = new Error(`Pwned Passwords did not answer within ${timeoutMs} ms`);
          limit.abort(error);
          reject(error);
        }, timeoutMs);
      });
      try {
        return holds(await Promise.race([askFor(prefix, limit.signal), late]), suffix);
      } catch (error) {
        onFailure?.(error);
        return 'unknown';
      } finally {
        clearTimeout(timer);
      }
    },
  };
}

async function readAtMost(response: Response, limit: number): Promise<string> {
  const decoder = new TextDecoder();
  let text = '';
  for await (const chunk of response.body ?? []) {
    text += decoder.decode(chunk as Uint8Array, { stream: true });
    if (text.length > limit) throw new Error('Pwned Passwords answered with too much');
  }
  return text;
}

/** Whether a range holds the suffix; lines of padding have a count of zero. */
function holds(range: string, suffix: string): boolean {
  for (const line of range.split('\n')) {
    const [candidate, count] = line.trim().split(':');
    if (candidate?.toUpperCase() === suffix) return Number(count) > 0;
  }
  return false;
}
