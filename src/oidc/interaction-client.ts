/** What pages show of a client, and what its log-in page offers. */
import type { Brand } from '../domain/clients/index.js';
import { factsOf } from './clients.js';

export type InteractionClient = {
  readonly id: string;
  readonly name: string;
  readonly clientUri: string | undefined;
  readonly policyUri: string | undefined;
  readonly tosUri: string | undefined;
  readonly brand: Brand | undefined;
  /** The languages it asked for (`ui_locales`), where a request led here. */
  readonly uiLocales?: string | undefined;
  /** Newcomers may create an account on its log-in page. */
  readonly signUp: boolean;
  /** Shoppers may sign in with a code by e-mail. */
  readonly emailCode: boolean;
};

/** What pages show of a client that the host has found. */
export function describeClient(found: object): InteractionClient {
  const { client, brand } = factsOf(found);
  return {
    id: client.id,
    name: client.name,
    clientUri: client.clientUri ?? undefined,
    policyUri: client.policyUri ?? undefined,
    tosUri: client.tosUri ?? undefined,
    signUp: client.selfRegistration,
    emailCode: client.emailCode,
    brand,
  };
}
