/**
 * Device authorization (RFC 8628) where the protocol host leaves something to do: it never tells
 * a device to slow down, does not count what people type, and lets two of them answer one code.
 */
import Provider, { errors, type KoaContextWithOIDC } from 'oidc-provider';
import {
  type ArtifactKey,
  type Grants,
  type Payload,
  POLL_SECONDS,
} from '../domain/grants/index.js';
import type { UserCodeTries } from '../domain/risk/index.js';
import { guarded } from './errors.js';
import { findSlowly } from './polling.js';

export const DEVICE_CODE_GRANT = 'urn:ietf:params:oauth:grant-type:device_code';

/**
 * Stores a device code. False when it is not what it was any more: somebody else has confirmed
 * or answered it. What it is answered with is recorded, so the request comes along.
 */
export type AnswerDevice = (
  code: { readonly key: ArtifactKey; readonly payload: Payload; readonly ttlSeconds: number },
  request: KoaContextWithOIDC | undefined,
) => Promise<boolean>;

export type DeviceFlowParts = {
  readonly answer: AnswerDevice;
  /** Undefined where nothing is limited (load tests). */
  readonly tries: UserCodeTries | undefined;
};

/** Two people confirmed or answered one code; this is the one who came second. */
export class DeviceCodeTaken extends errors.InvalidRequest {
  constructor() {
    super('the code has already been used');
  }
}

/** Too many wrong codes from this network or in this browser. */
export class UserCodesLimited extends errors.OIDCProviderError {
  constructor(readonly retryAfterSeconds: number) {
    super(429, 'temporarily_unavailable');
    this.error_description = 'too many wrong codes, try again later';
    this.allow_redirect = false;
  }
}

/** Gives the provider's device codes the rules above. */
export function teachDeviceCodes(
  provider: Provider,
  parts: { readonly grants: Pick<Grants, 'notePoll'>; readonly tries: UserCodeTries | undefined },
): void {
  const { DeviceCode } = provider;

  provider.on('device_authorization.success', (_ctx, response) => {
    response.interval = POLL_SECONDS;
  });

  DeviceCode.find = findSlowly(
    DeviceCode.find.bind(DeviceCode) as (
      value: string,
      options?: object,
    ) => Promise<InstanceType<typeof DeviceCode> | undefined>,
    parts.grants,
    ({ accountId, error }) => Boolean(accountId ?? error),
  ) as typeof DeviceCode.find;

  // Whatever is typed counts before it is looked up, so that a burst counts as well.
  const findByUserCode = DeviceCode.findByUserCode.bind(DeviceCode);
  DeviceCode.findByUserCode = async (userCode, options) => {
    const { tries } = parts;
    const ctx = Provider.ctx;
    if (!tries || !ctx) return findByUserCode(userCode, options);
    const { ip } = (ctx as unknown as { state: { ip: string } }).state;
    const typist = { ip, session: ctx.oidc.session?.uid };
    const reserved = await guarded(() => tries.reserveUserCodeTry(typist));
    if (reserved.kind === 'limited') throw new UserCodesLimited(reserved.retryAfterSeconds);
    const code = await findByUserCode(userCode, options);
    if (code) await guarded(() => tries.returnUserCodeTry(typist));
    return code;
  };
}
