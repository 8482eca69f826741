/**
 * What every account page goes through: somebody is signed in, at this very moment; what changes
 * something rests on a fresh proof; a form comes from our own page. Whoever lacks something is
 * sent through the sign-in and comes back to the page they wanted.
 */
import Router from '@koa/router';
import { missingProof, type Owner, type StepUp, type Visit } from '../../flows/account/owner.js';
import { ACCOUNT_CALLBACK } from '../../flows/ensure-account-client.js';
import type { Visitor } from '../../flows/sign-in/index.js';
import type { Clock } from '../../kernel/clock.js';
import type { AppContext, RequestState } from '../context.js';
import type { DeviceCookie } from '../device-cookie.js';
import { readForm } from '../form-body.js';
import { pageOf, preferLanguage } from '../language.js';
import { type FormTokens, formField, refuseCrossSite } from '../middleware/form-guard.js';
import { type AccountFrame, type AsideReason, accountAsidePage } from '../views/account.js';
import { visitorOf } from '../visitor.js';
import type { AccountClient } from './client.js';
import type { AccountCookies } from './cookies.js';
import type { Notice } from './notices.js';
import { ACCOUNT_HOME, returnPath } from './return-to.js';

export type DeskParts = {
  readonly issuer: string;
  readonly client: AccountClient;
  readonly cookies: AccountCookies;
  readonly visit: Visit;
  /** False when an operator has switched the account area's client off. */
  readonly isOpen: () => Promise<boolean>;
  readonly tokens: FormTokens;
  readonly devices: DeviceCookie;
  readonly clock: Clock;
};

/** A request of somebody who may make it. */
export type Call = {
  readonly ctx: AppContext;
  readonly owner: Owner;
  readonly visitor: Visitor;
  /** What every page is drawn with; tells the notice that waits, once. */
  frame(section: AccountFrame['section']): AccountFrame;
  /** A field of the form, empty when it is missing. */
  field(name: string): string;
  /** Goes on to another page, which tells how it went. */
  goTo(path: string, notice?: Notice): void;
  /** Gets a new token, silently while the session lives, and goes on to the page. */
  renew(path: string, notice?: Notice): Promise<void>;
  /** Has the owner prove more first, and comes back to the page. */
  prove(path: string, more: StepUp): Promise<void>;
  /** Forgets who it was, and goes to a page for everybody. */
  leave(path: string): void;
};

type Work = (call: Call) => Promise<void> | void;
type Rules = { readonly fresh: boolean };

export type Desk = ReturnType<typeof createDesk>;

export function createDesk(parts: DeskParts) {
  const { client, cookies, tokens, devices } = parts;
  const router = new Router<RequestState>({ strict: true, sensitive: true });
  router.use(refuseCrossSite(parts.issuer));

  const send = (ctx: AppContext, location: string) => {
    ctx.status = 303;
    ctx.redirect(location);
  };

  const aside = (ctx: AppContext, status: number, reason: AsideReason) => {
    ctx.status = status;
    ctx.type = 'html';
    ctx.body = accountAsidePage({ reason, ...pageOf(ctx) });
  };

  const begin = async (
    ctx: AppContext,
    input: {
      to: string;
      owner?: Owner | undefined;
      stepUp?: boolean | StepUp;
      notice?: Notice | undefined;
    },
  ): Promise<void> => {
    if (!(await parts.isOpen())) return aside(ctx, 403, 'closed');
    const { owner, notice } = input;
    const { stepUp: wanted } = input;
    const lacks = wanted === true && owner ? missingProof(owner, parts.clock) : undefined;
    const stepUp = typeof wanted === 'object' ? wanted : lacks;
    const begun = await client.begin({
      stepUp,
      loginHint: owner?.email || undefined,
      language: ctx.state.language,
    });
    cookies.addPending(ctx, {
      ...begun.pending,
      returnTo: returnPath(input.to),
      subject: owner?.accountId,
      notice,
    });
    return send(ctx, begun.url);
  };

  const callOf = (ctx: AppContext, owner: Owner, token: string): Call => {
    const formToken = `account ${owner.accountId} ${owner.sessionUid}`;
    return {
      ctx,
      owner,
      visitor: visitorOf(ctx, devices),
      frame(section) {
        const { notice } = cookies.readSession(ctx) ?? {};
        if (notice) cookies.writeSession(ctx, { token });
        return {
          section,
          person: { name: owner.name, email: owner.email },
          csrf: tokens.issue(formToken),
          notice,
          ...pageOf(ctx),
        };
      },
      field: (name) => formField(ctx, name) ?? '',
      goTo(path, notice) {
        cookies.writeSession(ctx, { token, notice });
        send(ctx, path);
      },
      renew: (path, notice) => begin(ctx, { to: path, owner, notice }),
      prove: (path, more) => begin(ctx, { to: path, owner, stepUp: more }),
      leave(path) {
        cookies.clearSession(ctx);
        send(ctx, path);
      },
    };
  };

  const look = async (ctx: AppContext) => {
    const token = cookies.readSession(ctx)?.token;
    const owner = token === undefined ? undefined : await parts.visit(token);
    if (!owner || token === undefined) return undefined;
    preferLanguage(ctx, owner.locale);
    return { owner, token };
  };

  const page = (path: string, { fresh }: Rules, work: Work) => {
    router.get(ACCOUNT_HOME + path, async (ctx) => {
      const seen = await look(ctx);
      if (!seen) return begin(ctx, { to: ctx.path });
      const { owner, token } = seen;
      if (fresh && missingProof(owner, parts.clock)) {
        const { notice } = cookies.readSession(ctx) ?? {};
        return begin(ctx, { to: ctx.path, owner, stepUp: true, notice });
      }
      ctx.type = 'html';
      return work(callOf(ctx, owner, token));
    });
  };

  const form = (path: string, rules: Rules & { readonly on: string }, work: Work) => {
    router.post(ACCOUNT_HOME + path, readForm(), async (ctx) => {
      // Nothing of a form that comes too late is kept: it may hold a password.
      const again = {
        to: rules.on.replace(':id', String(ctx.params.id)),
        notice: 'again',
      } as const;
      const seen = await look(ctx);
      if (!seen) return begin(ctx, again);
      const { owner, token } = seen;
      tokens.check(ctx, `account ${owner.accountId} ${owner.sessionUid}`);
      if (rules.fresh && missingProof(owner, parts.clock)) {
        return begin(ctx, { ...again, owner, stepUp: true });
      }
      return work(callOf(ctx, owner, token));
    });
  };

  /** The way back from the sign-in. */
  const callback = async (ctx: AppContext): Promise<void> => {
    const pending = cookies.takePending(ctx, String(ctx.query.state ?? ''));
    // Another browser, an old link, or somebody else's code (CSRF on the log-in itself).
    if (!pending) return aside(ctx, 400, 'lost');
    const address = new URL(ctx.originalUrl, parts.issuer);
    const result = await client.finish(address, pending);
    const before = await look(ctx);
    switch (result.kind) {
      case 'cancelled':
        if (!before) return aside(ctx, 403, 'cancelled');
        cookies.writeSession(ctx, { token: before.token, notice: 'cancelled' });
        return send(ctx, returnPath(undefined));
      case 'unmet':
        return aside(ctx, 403, 'unmet');
      case 'expired':
        return aside(ctx, 400, 'lost');
      case 'signed-in': {
        const { token } = result;
        // Dead on arrival: access was taken back meanwhile. A redirect would only go round.
        const owner = await parts.visit(token);
        if (!owner) return aside(ctx, 403, 'lost');
        const other = pending.subject !== undefined && pending.subject !== owner.accountId;
        cookies.writeSession(ctx, { token, notice: other ? 'other-account' : pending.notice });
        // What was begun for one account is not gone on with for another.
        return send(ctx, returnPath(other ? undefined : pending.returnTo));
      }
    }
  };
  router.get(ACCOUNT_CALLBACK, callback);

  /** Leaves the account area and asks about the rest: the session may serve shops as well. */
  router.post(`${ACCOUNT_HOME}/sign-out`, readForm(), async (ctx) => {
    const seen = await look(ctx);
    if (seen) tokens.check(ctx, `account ${seen.owner.accountId} ${seen.owner.sessionUid}`);
    cookies.clearSession(ctx);
    send(ctx, client.signOutPath);
  });

  return { router, page, form };
}
