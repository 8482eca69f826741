/**
 * A device was answered by somebody with a browser (RFC 8628 section 3.3): the code and the
 * record of who said what are written together, or not at all.
 */
import type { Origin } from '../domain/audit/index.js';
import type { ArtifactKey, Payload } from '../domain/grants/index.js';
import type { Domain, FlowParts } from './domain.js';

export type StoreDeviceCode = (
  code: { readonly key: ArtifactKey; readonly payload: Payload; readonly ttlSeconds: number },
  seen: {
    /** Who is signed in at that browser, if anybody is. */
    readonly accountId: string | undefined;
    readonly origin: Origin;
  },
) => Promise<boolean>;

/** False when somebody else was faster: then nothing was stored, and nothing is recorded. */
export function createStoreDeviceCode({ domain, transact }: FlowParts): StoreDeviceCode {
  const save = ({ grants }: Pick<Domain, 'grants'>, code: Parameters<StoreDeviceCode>[0]) =>
    grants.save('DeviceCode', code.key, code.payload, code.ttlSeconds);

  return async (code, { accountId, origin }) => {
    const { payload } = code;
    const answered = payload.accountId !== undefined || payload.error !== undefined;
    if (!answered) return save(domain, code);
    return transact(async (within) => {
      if (!(await save(within, code))) return false;
      const owner = text(payload.accountId) ?? accountId;
      const allowed = payload.error === undefined;
      const { clientId } = payload;
      await within.audit.record({
        event: allowed ? 'device_authorized' : 'device_denied',
        result: allowed ? 'success' : 'failure',
        actor: owner ? { kind: 'account', id: owner } : { kind: 'anonymous' },
        ...(owner ? { subjectId: owner } : {}),
        ...(typeof clientId === 'string' ? { clientId } : {}),
        origin,
        details: allowed
          ? { scopes: text(payload.scope) ?? '' }
          : { reason: text(payload.error) ?? '' },
      });
      return true;
    });
  };
}

const text = (value: unknown): string | undefined =>
  typeof value === 'string' ? value : undefined;
