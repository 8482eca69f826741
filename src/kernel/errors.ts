/**
 * Broken promises. Every failure that is not an expected outcome is thrown as an
 * `AppError` with a code from this one table, so that what the outside sees is decided
 * here and nowhere else. `docs/errors.md` shows the same table; a test holds them equal.
 */

type ErrorRow = {
  readonly status: number;
  readonly title: string;
  readonly log: 'info' | 'warn' | 'error';
  readonly retryAfterSeconds?: number;
};

const table = {
  invalid_request: { status: 400, title: 'The request is not valid', log: 'info' },
  malformed_cookie: {
    status: 400,
    title: 'This page was opened without its sign-in session',
    log: 'info',
  },
  unauthenticated: { status: 401, title: 'A valid access token is required', log: 'info' },
  insufficient_user_authentication: {
    status: 401,
    title: 'This needs a stronger or more recent log-in',
    log: 'info',
  },
  forbidden: { status: 403, title: 'You may not do that', log: 'info' },
  insufficient_scope: {
    status: 403,
    title: 'The access token does not carry the scope this needs',
    log: 'info',
  },
  cross_site_form: {
    status: 403,
    title: 'This form was not sent from the page that shows it',
    log: 'warn',
  },
  not_found: { status: 404, title: 'There is nothing here', log: 'info' },
  method_not_allowed: { status: 405, title: 'That method is not supported here', log: 'info' },
  conflict: { status: 409, title: 'This does not fit how things are now', log: 'info' },
  payload_too_large: { status: 413, title: 'The request body is too large', log: 'info' },
  unsupported_media_type: {
    status: 415,
    title: 'The request body is not in a supported format',
    log: 'info',
  },
  misdirected_host: {
    status: 421,
    title: 'This server does not answer under that host name',
    log: 'warn',
  },
  validation_failed: { status: 422, title: 'Some fields are not valid', log: 'info' },
  too_many_tries: { status: 429, title: 'Too many tries; wait before the next one', log: 'info' },
  // Not the caller's fault, so no 4xx: gateways would pass that on as if it were.
  gateway_refused: { status: 500, title: 'The gateway is not set up rightly', log: 'warn' },
  internal: { status: 500, title: 'Something went wrong on our side', log: 'error' },
  store_unavailable: {
    status: 503,
    title: 'The service cannot reach its database',
    log: 'error',
    retryAfterSeconds: 2,
  },
  overloaded: {
    status: 503,
    title: 'Too many people are signing in at this moment',
    log: 'warn',
    retryAfterSeconds: 2,
  },
} as const satisfies Record<string, ErrorRow>;

/** The closed union of error codes. */
export type ErrorCode = keyof typeof table;

/** The table itself, for the documentation test and for the mapping to the outside. */
export const errorTable: Readonly<Record<ErrorCode, ErrorRow>> = table;

/** One thing wrong with one field of a request body (RFC 6901 pointer). */
export type FieldFault = {
  readonly pointer: string;
  readonly message: string;
  /** Which one it is, for programs that have words of their own. */
  readonly code?: string;
};

/**
 * A promise the software could not keep, or a request it refuses before any use case ran.
 * `detail` may be shown to the caller, `reason` tells a program which of several cases it is;
 * `cause` is for the log alone.
 */
export class AppError extends Error {
  readonly code: ErrorCode;
  readonly detail: string | undefined;
  readonly reason: string | undefined;
  readonly fields: readonly FieldFault[];
  /** When trying again may be of use; the table's, unless it is known better. */
  readonly retryAfterSeconds: number | undefined;

  constructor(
    code: ErrorCode,
    options: {
      detail?: string;
      reason?: string;
      cause?: unknown;
      fields?: readonly FieldFault[];
      retryAfterSeconds?: number;
    } = {},
  ) {
    super(options.detail ?? table[code].title, { cause: options.cause });
    this.name = 'AppError';
    this.code = code;
    this.detail = options.detail;
    this.reason = options.reason;
    this.fields = options.fields ?? [];
    const row: ErrorRow = table[code];
    this.retryAfterSeconds = options.retryAfterSeconds ?? row.retryAfterSeconds;
  }

  get row(): ErrorRow {
    return table[this.code];
  }
}
