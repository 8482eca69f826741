/**
 * What an operation of the self-service API is: its address, what it takes, what it answers, and
 * the work. Routes and description are both made of this, so neither can tell what the other
 * does not do.
 */
import type { z } from 'zod';
import type { AccountScope } from '../../domain/access/index.js';
import type { Caller } from '../../flows/account/caller.js';
import type { Owner } from '../../flows/account/owner.js';
import type { Visitor } from '../../flows/sign-in/index.js';

/** A request of an application that may make it. */
export type Call<Body = unknown> = {
  readonly owner: Owner;
  readonly caller: Caller;
  readonly visitor: Visitor;
  /** The `{id}` of the address; empty where it has none. */
  readonly id: string;
  /** A parameter of the address, if it is there once. */
  query(name: string): string | undefined;
  readonly body: Body;
};

type Description = {
  readonly method: 'get' | 'post' | 'patch' | 'delete';
  /** Below the API's own, as OpenAPI writes it: `/devices/{id}`. */
  readonly path: string;
  readonly id: string;
  readonly summary: string;
  readonly scope: AccountScope;
  /** Whether it asks for a log-in of the last five minutes, with both factors if there are two. */
  readonly fresh: boolean;
  /** Parameters of the address, and what they are. */
  readonly query?: Readonly<Record<string, string>>;
  /** What may go wrong besides what can go wrong everywhere, by status. */
  readonly refusals?: Readonly<Record<number, string>>;
};

export type Operation = Description & {
  readonly body?: z.ZodType;
  /** A document, with 200; else there is nothing to say, with 204. */
  readonly answer?: { readonly description: string; readonly shape: z.ZodType };
  readonly work: (call: Call<never>) => Promise<unknown>;
};

/** Keeps body, answer and work in step with each other. */
export function operation<Body, Answer = void>(
  input: Description & {
    readonly body?: z.ZodType<Body>;
    readonly answer?: { readonly description: string; readonly shape: z.ZodType<Answer> };
    readonly work: (call: Call<Body>) => Promise<Answer>;
  },
): Operation {
  return input;
}
