/**
 * What the server and its hashing process say to each other. Passwords travel over the IPC
 * channel alone: arguments and environments are readable in /proc and in process listings.
 */
import type { Argon2Library } from './argon2-binding.js';
import type { Argon2Parameters } from './argon2-phc.js';

/** One piece of work. */
export type HashingTask =
  | { readonly kind: 'hash'; readonly password: string; readonly parameters: Argon2Parameters }
  | { readonly kind: 'verify'; readonly password: string; readonly phc: string };

/** A task on its way to the hashing process. */
export type HashingRequest = { readonly id: number; readonly task: HashingTask };

/** What became of one task. */
export type HashingAnswer =
  | { readonly kind: 'hashed'; readonly id: number; readonly phc: string }
  | { readonly kind: 'verified'; readonly id: number; readonly matches: boolean }
  | { readonly kind: 'failed'; readonly id: number; readonly reason: string };

/** What the hashing process says about itself, once, before it takes any task. */
export type HashingGreeting =
  | { readonly kind: 'ready'; readonly library: Argon2Library }
  | { readonly kind: 'unusable'; readonly reason: string };

const answerKinds: ReadonlySet<unknown> = new Set(['hashed', 'verified', 'failed']);
const greetingKinds: ReadonlySet<unknown> = new Set(['ready', 'unusable']);

// Loaders such as tsx write messages of their own to the same channel, hence the guards.

export function isHashingRequest(message: unknown): message is HashingRequest {
  return isRecord(message) && typeof message.id === 'number' && isRecord(message.task);
}

export function isHashingAnswer(message: unknown): message is HashingAnswer {
  return isRecord(message) && answerKinds.has(message.kind) && typeof message.id === 'number';
}

export function isHashingGreeting(message: unknown): message is HashingGreeting {
  return isRecord(message) && greetingKinds.has(message.kind);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
