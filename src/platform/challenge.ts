/**
 * Proof of work instead of a puzzle: a browser that wants to go on guessing has to compute for
 * about a second. No third party sees the visitor, nothing is shown to be read or clicked. Where
 * scripts do not run there is patience instead: a token that is good only after some seconds.
 *
 * Both are signed, not stored; bound to one interaction, so that answers cannot be collected in
 * one place and spent in another; short-lived; and they count once, for which the caller spends
 * the hash that a good answer comes with.
 *
 * Patience costs a program no work, only time: what it slows down is each single interaction.
 */
import { createHmac, hkdfSync, randomInt } from 'node:crypto';
import { type Challenge, createChallenge, verifySolution } from 'altcha-lib';
import { deriveKey } from 'altcha-lib/algorithms/pbkdf2';
import { z } from 'zod';
import { type Clock, epochSeconds } from '../kernel/clock.js';
import { digest, newBearerValue, sameDigest } from '../kernel/ids.js';
import type { Bytes } from '../kernel/sealed-box.js';
import type { Secret } from '../kernel/secret.js';

export type { Challenge } from 'altcha-lib';

/** What to write down so that an answer counts once, and for how long. */
export type Spend = { readonly hash: Bytes; readonly ttlSeconds: number };

export type Answer =
  | { readonly kind: 'ok'; readonly spend: Spend }
  | {
      readonly kind: 'refused';
      /** `elsewhere`: made for another interaction. */
      readonly reason: 'malformed' | 'forged' | 'expired' | 'elsewhere' | 'unsolved';
    }
  | { readonly kind: 'too-early'; readonly waitSeconds: number };

export type BotChallenge = ReturnType<typeof createBotChallenge>;

/** PBKDF2 rounds for each step, and between how many steps the solution lies. */
export type Work = { readonly rounds: number; readonly from: number; readonly to: number };

// 2.5 million rounds on average, never more than 3.75 million: one to two seconds on a phone of
// middling speed, less than one on a laptop. The step is chosen here and not left to chance, so
// nobody is unlucky, and checking it costs one HMAC.
const WORK: Work = { rounds: 5_000, from: 250, to: 750 };

const CHALLENGE_SECONDS = 5 * 60;
/** How long a page has to be open before its patience counts. */
export const PATIENCE_SECONDS = 5;
const PATIENCE_UNTIL_SECONDS = 10 * 60;
// The database that remembers what is spent has a clock of its own.
const CLOCKS_APART_SECONDS = 60;
// The browser's answer has some 700 characters.
const LONGEST_ANSWER = 4_096;

const answerShape = z.object({
  challenge: z.object({
    parameters: z.object({
      algorithm: z.string(),
      cost: z.number(),
      data: z.object({ for: z.string() }),
      expiresAt: z.number(),
      keyLength: z.number(),
      keyPrefix: z.string(),
      keySignature: z.string(),
      nonce: z.string(),
      salt: z.string(),
    }),
    signature: z.string(),
  }),
  solution: z.object({ counter: z.number(), derivedKey: z.string() }),
});

const refused = (reason: Extract<Answer, { kind: 'refused' }>['reason']): Answer => ({
  kind: 'refused',
  reason,
});

/** @param parts.keys newest first; answers to challenges made under any of them are accepted */
export function createBotChallenge(parts: {
  readonly keys: Secret<readonly string[]>;
  readonly clock: Clock;
  readonly work?: Work;
}) {
  const { clock, work = WORK } = parts;
  const derive = (key: string, purpose: string): Buffer =>
    Buffer.from(hkdfSync('sha256', key, 'latchkey', `bot-challenge ${purpose}`, 32));
  const keys = parts.keys.reveal().map((key) => ({
    signing: derive(key, 'signature').toString('hex'),
    solution: derive(key, 'solution').toString('hex'),
    binding: derive(key, 'binding'),
    patience: derive(key, 'patience'),
  }));
  const newest = keys[0];
  if (!newest) throw new Error('Challenges need a key');
  type Keys = typeof newest;

  const nameOf = ({ binding }: Keys, bindTo: string): string =>
    createHmac('sha256', binding).update(bindTo).digest('base64url');
  const patienceMac = ({ patience }: Keys, issuedAt: string, nonce: string, bindTo: string) =>
    createHmac('sha256', patience)
      .update(JSON.stringify([issuedAt, nonce, bindTo]))
      .digest();

  return {
    /** A challenge for the page; goes into the widget as JSON. */
    createChallenge: ({ bindTo }: { bindTo: string }): Promise<Challenge> =>
      createChallenge({
        algorithm: 'PBKDF2/SHA-256',
        cost: work.rounds,
        counter: randomInt(work.from, work.to + 1),
        data: { for: nameOf(newest, bindTo) },
        deriveKey,
        expiresAt: epochSeconds(clock.now()) + CHALLENGE_SECONDS,
        hmacSignatureSecret: newest.signing,
        hmacKeySignatureSecret: newest.solution,
      }),

    /** @param payload the value of the form field, as the browser sent it */
    async verifySolution(payload: string, { bindTo }: { bindTo: string }): Promise<Answer> {
      const parsed = answerShape.safeParse(decode(payload));
      if (!parsed.success) return refused('malformed');
      const { challenge, solution } = parsed.data;
      const left = challenge.parameters.expiresAt - epochSeconds(clock.now());
      if (left <= 0) return refused('expired');
      for (const own of keys) {
        const result = await verifySolution({
          challenge,
          solution,
          deriveKey,
          hmacSignatureSecret: own.signing,
          hmacKeySignatureSecret: own.solution,
        });
        if (result.expired) return refused('expired');
        if (result.invalidSignature !== false) continue;
        const bound = digest(challenge.parameters.data.for);
        if (!sameDigest(bound, digest(nameOf(own, bindTo)))) return refused('elsewhere');
        if (!result.verified) return refused('unsolved');
        // The signature names the challenge. The payload would not do: the same solution can be
        // written down in many ways.
        const hash = digest(`challenge ${challenge.signature}`);
        return { kind: 'ok', spend: { hash, ttlSeconds: left + CLOCKS_APART_SECONDS } };
      }
      return refused('forged');
    },

    /** For the same form where scripts do not run. */
    createPatience({ bindTo }: { bindTo: string }): string {
      const issuedAt = String(epochSeconds(clock.now()));
      const nonce = newBearerValue(128);
      const mac = patienceMac(newest, issuedAt, nonce, bindTo).toString('base64url');
      return `${issuedAt}.${nonce}.${mac}`;
    },

    /** `too-early` spends nothing: the same token is good a little later. */
    verifyPatience(token: string, { bindTo }: { bindTo: string }): Answer {
      const [, issuedAt = '', nonce = '', mac = ''] =
        /^(\d{1,12})\.([\w-]{22})\.([\w-]{43})$/.exec(token.slice(0, 100)) ?? [];
      if (mac === '') return refused('malformed');
      const presented = new Uint8Array(Buffer.from(mac, 'base64url'));
      const genuine = keys.some((own) =>
        sameDigest(presented, patienceMac(own, issuedAt, nonce, bindTo)),
      );
      // Made for another interaction or made up: the MAC covers both and cannot tell them apart.
      if (!genuine) return refused('forged');
      const age = epochSeconds(clock.now()) - Number(issuedAt);
      if (age < PATIENCE_SECONDS) {
        return { kind: 'too-early', waitSeconds: PATIENCE_SECONDS - age };
      }
      if (age >= PATIENCE_UNTIL_SECONDS) return refused('expired');
      const ttlSeconds = PATIENCE_UNTIL_SECONDS - age + CLOCKS_APART_SECONDS;
      // Not of the text, whose last character has bits to spare: of what was signed.
      return { kind: 'ok', spend: { hash: digest(`patience ${issuedAt} ${nonce}`), ttlSeconds } };
    },
  };
}

function decode(payload: string): unknown {
  if (payload.length > LONGEST_ANSWER) return undefined;
  try {
    return JSON.parse(Buffer.from(payload, 'base64').toString('utf8'));
  } catch {
    return undefined;
  }
}
