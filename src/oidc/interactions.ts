/**
 * The bridge between the sign-in pages and the protocol host: what is being asked, by whom, and
 * how the answer goes back. `http/` sees plain data; nothing of oidc-provider leaves this file.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { errors } from 'oidc-provider';
import type { Acr } from '../domain/signin/index.js';
import { AppError } from '../kernel/errors.js';
import type { PaymentDetail } from '../kernel/payment.js';
import { askedFor, demandOf } from './asked-for.js';
import { factsOf } from './clients.js';
import type { Directory } from './directory.js';
import type { Host } from './host.js';
import { describeClient, type InteractionClient } from './interaction-client.js';
import { paymentIn } from './payments.js';
import type { AllowedConsent } from './policy.js';

export type { InteractionClient } from './interaction-client.js';

/** One question to one browser. */
export type Interaction = {
  readonly uid: string;
  readonly client: InteractionClient;
  /**
   * Where the answer will be sent in the end; the CSP of the page must allow it. Nowhere, where
   * a device waits for it.
   */
  readonly redirectUri: string | undefined;
  readonly question:
    | {
        readonly kind: 'login';
        readonly loginHint: string | undefined;
        /** The least the request asks for (RFC 9470). */
        readonly requiredAcr: Acr | undefined;
      }
    | {
        readonly kind: 'consent';
        readonly accountId: string;
        readonly identity: readonly string[];
        readonly claims: readonly string[];
        readonly resources: readonly {
          readonly indicator: string;
          readonly name: string;
          readonly scopes: readonly { readonly name: string; readonly description: string }[];
        }[];
        /** To be approved here and now, whatever was allowed before. */
        readonly payment: PaymentDetail | undefined;
      };
};

export type Answer =
  | {
      readonly kind: 'signed-in';
      readonly accountId: string;
      readonly provenAt: number;
      readonly amr: readonly string[];
      readonly acr: string;
    }
  | { readonly kind: 'allowed' }
  /** This account cannot prove what the request asks for. */
  | { readonly kind: 'unreachable' }
  | { readonly kind: 'refused' };

export type Interactions = {
  /**
   * The interaction this browser is in. Throws `AppError('malformed_cookie')` when it is in
   * none, or not in the one of the address (another browser, an old page).
   */
  get(req: IncomingMessage, res: ServerResponse, uid: string): Promise<Interaction>;
  /**
   * The client that an interaction is about, while it lasts: for pages beside the sign-in, to
   * which the browser does not send the interaction's cookie. They may show whose page it is.
   */
  clientOf(uid: string): Promise<InteractionClient | undefined>;
  findClient(id: string): Promise<InteractionClient | undefined>;
  /** Stores the answer; returns where to send the browser (303). */
  answer(
    req: IncomingMessage,
    res: ServerResponse,
    interaction: Interaction,
    answer: Answer,
  ): Promise<string>;
};

export function createInteractions(host: Host, directory: Directory): Interactions {
  const findClient = async (id: string): Promise<InteractionClient | undefined> => {
    const found = await host.current().Client.find(id);
    return found && describeClient(found);
  };

  return {
    findClient,

    async clientOf(uid) {
      const params = (await lost(host.current().Interaction.find(uid)))?.params ?? {};
      const client = await findClient(String(params.client_id ?? ''));
      return client && { ...client, uiLocales: localesOf(params) };
    },

    async get(req, res, uid) {
      const provider = host.current();
      const details = await lost(provider.interactionDetails(req, res));
      const { params, prompt, session } = details;
      if (details.uid !== uid) throw new AppError('malformed_cookie');
      const found = await provider.Client.find(String(params.client_id));
      if (!found) throw new AppError('malformed_cookie');
      const common = {
        uid,
        client: { ...describeClient(found), uiLocales: localesOf(params) },
        redirectUri: typeof params.redirect_uri === 'string' ? params.redirect_uri : undefined,
      };
      if (prompt.name === 'login') {
        const hint = params.login_hint;
        const loginHint = typeof hint === 'string' ? hint.slice(0, 254) : undefined;
        const { acr: requiredAcr } = await demandOf(directory, params);
        return { ...common, question: { kind: 'login', loginHint, requiredAcr } };
      }
      const payment = paymentIn(params);
      // The shop's own clients have the rest by policy: nobody is asked about it.
      const only = payment !== undefined && factsOf(found).client.firstParty;
      const asked = only
        ? { identity: [], claims: [], resources: [] }
        : await askedFor(directory, found, params);
      return {
        ...common,
        question: {
          kind: 'consent',
          accountId: String(session?.accountId),
          ...asked,
          payment,
        },
      };
    },

    async answer(req, res, interaction, answer) {
      const provider = host.current();
      const { question } = interaction;
      switch (answer.kind) {
        case 'signed-in': {
          const { accountId, provenAt, amr, acr } = answer;
          return lost(
            provider.interactionResult(
              req,
              res,
              { login: { accountId, ts: provenAt, amr: [...amr], acr } },
              { mergeWithLastSubmission: false },
            ),
          );
        }
        case 'allowed': {
          if (question.kind !== 'consent') throw new AppError('malformed_cookie');
          const allowed: AllowedConsent = {
            openid: question.identity,
            claims: question.claims,
            resources: Object.fromEntries(
              question.resources.map(({ indicator, scopes }) => [
                indicator,
                scopes.map((scope) => scope.name),
              ]),
            ),
            payment: question.payment,
          };
          const result = { consent: { allowed } };
          return lost(
            provider.interactionResult(req, res, result, { mergeWithLastSubmission: true }),
          );
        }
        case 'unreachable':
          return lost(
            provider.interactionResult(
              req,
              res,
              {
                error: 'unmet_authentication_requirements',
                error_description: 'the end-user cannot prove what was asked for',
              },
              { mergeWithLastSubmission: false },
            ),
          );
        case 'refused':
          return lost(
            provider.interactionResult(
              req,
              res,
              { error: 'access_denied', error_description: 'the end-user refused or went back' },
              { mergeWithLastSubmission: false },
            ),
          );
      }
    },
  };
}

/** Bounded: it is the caller's, and it goes into a decision on every page. */
function localesOf(params: Record<string, unknown>): string | undefined {
  const wishes = params.ui_locales;
  return typeof wishes === 'string' ? wishes.slice(0, 200) : undefined;
}

/** An interaction that is over, or another browser's, is an expected thing, not a fault. */
async function lost<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof errors.SessionNotFound) {
      throw new AppError('malformed_cookie', { cause: error });
    }
    if (error instanceof errors.TemporarilyUnavailable && error.cause instanceof AppError) {
      throw error.cause;
    }
    throw error;
  }
}
