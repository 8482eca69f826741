/**
 * The pages on which a person types the code that a device shows, compares it, and says yes or
 * no. The host's own are replaced; its forms are read for nothing, because only the value that
 * binds them to the session is needed.
 */
import type { Configuration, KoaContextWithOIDC } from 'oidc-provider';
import { type AskedFor, askedFor } from './asked-for.js';
import type { HostClient } from './clients.js';
import { DeviceCodeTaken, UserCodesLimited } from './device-codes.js';
import type { Directory } from './directory.js';
import { describeClient, type InteractionClient } from './interaction-client.js';
import type { HostPages } from './pages.js';

/** Why a code was not taken. */
export type UserCodeProblem = 'missing' | 'wrong' | 'expired' | 'used';

/** The drawing, handed in by whoever owns the views. */
export type DevicePageRenderer = {
  enter(ctx: object, page: { xsrf: string; problem: UserCodeProblem | undefined }): string;
  confirm(
    ctx: object,
    page: {
      client: InteractionClient;
      /** As the device shows it. */
      userCode: string;
      xsrf: string;
      /** Whose session this is, if anybody is signed in. */
      accountId: string | undefined;
      asked: AskedFor;
      uiLocales: string | undefined;
    },
  ): Promise<string>;
  done(ctx: object, page: { client: InteractionClient }): string;
  denied(ctx: object): string;
  /** The form was open for too long, or is another browser's. */
  stale(ctx: object): string;
  limited(ctx: object, page: { retryAfterSeconds: number }): string;
};

type Context = KoaContextWithOIDC;

/** In the shape of the host's configuration. */
export type DevicePages = {
  userCodeInputSource(ctx: Context, form: string, out?: object, err?: Error): Promise<void>;
  userCodeConfirmSource(
    ctx: Context,
    form: string,
    client: HostClient,
    deviceInfo: object,
    userCode: string,
  ): Promise<void>;
  successSource(ctx: Context): Promise<void>;
};

/** `features.deviceFlow`: eight of twenty letters are 34 bits (RFC 8628 section 6.1). */
export function deviceFlow(
  pages: DevicePages,
): NonNullable<NonNullable<Configuration['features']>['deviceFlow']> {
  return {
    enabled: true,
    charset: 'base-20',
    mask: '****-****',
    // What a device says of itself is whatever a phisher wants it to say: nothing is kept.
    deviceInfo: () => ({}),
    ...pages,
  };
}

// The host tells these apart by their classes, which it keeps to itself.
const PROBLEMS: ReadonlyMap<string, UserCodeProblem> = new Map([
  ['NoCodeError', 'missing'],
  ['NotFoundError', 'wrong'],
  ['ExpiredError', 'expired'],
  ['AlreadyUsedError', 'used'],
]);
const STALE = /device form details|xsrf token invalid/;

export function createDevicePages(
  directory: Pick<Directory, 'findResourceServer'>,
  render: DevicePageRenderer,
  host: Pick<HostPages, 'error'>,
): DevicePages {
  const draw = (ctx: Context, body: string) => {
    ctx.type = 'html';
    ctx.body = body;
  };
  const xsrfOf = (ctx: Context) =>
    String((ctx.oidc.session?.state as { secret?: unknown } | undefined)?.secret ?? '');

  const ask = (ctx: Context, problem?: UserCodeProblem) => {
    if (problem) ctx.status = 422;
    draw(ctx, render.enter(ctx, { xsrf: xsrfOf(ctx), problem }));
  };

  return {
    async userCodeInputSource(ctx, _form, out, err) {
      if (!err) return ask(ctx);
      // The host has given the session of whatever failed a new secret, and will store it. A
      // browser that came without a session has none to be stored, which it takes for a fault.
      const session = ctx.oidc.session as { exp?: number; touched?: boolean } | undefined;
      if (session && session.exp === undefined) session.touched = false;
      const problem = err instanceof DeviceCodeTaken ? 'used' : PROBLEMS.get(err.name);
      if (problem) return ask(ctx, problem);
      if (err.name === 'AbortedError') return draw(ctx, render.denied(ctx));
      if (err instanceof UserCodesLimited) {
        ctx.set('Retry-After', String(err.retryAfterSeconds));
        return draw(ctx, render.limited(ctx, err));
      }
      const { error_description: description = '' } = (out ?? {}) as { error_description?: string };
      if (STALE.test(description)) return draw(ctx, render.stale(ctx));
      return host.error(ctx, { error: 'server_error', ...out });
    },

    async userCodeConfirmSource(ctx, _form, client, _deviceInfo, userCode) {
      const params = ctx.oidc.entities.DeviceCode?.params ?? {};
      const { ui_locales: uiLocales } = params;
      const page = await render.confirm(ctx, {
        client: describeClient(client),
        userCode,
        xsrf: xsrfOf(ctx),
        accountId: ctx.oidc.session?.accountId,
        asked: await askedFor(directory, client, params),
        uiLocales: typeof uiLocales === 'string' ? uiLocales : undefined,
      });
      draw(ctx, page);
    },

    async successSource(ctx) {
      const { client } = ctx.oidc;
      if (!client) throw new Error('A device was answered without its client');
      draw(ctx, render.done(ctx, { client: describeClient(client) }));
    },
  };
}
