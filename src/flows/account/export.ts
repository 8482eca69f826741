/**
 * All that is kept about an owner, in a form a program can read (GDPR articles 15 and 20). No
 * secret is in it: not a password's hash, not a key, nothing that opens anything. Addresses that
 * others came from are shown as coarse as everywhere.
 */
import { profileFields, profileValue } from '../../domain/identity/index.js';
import type { Clock } from '../../kernel/clock.js';
import type { FlowParts } from '../domain.js';
import type { Visitor } from '../sign-in/index.js';
import type { ReadActivity } from './activity.js';
import type { ManageApplications } from './applications.js';
import type { ManageDevices } from './devices.js';
import type { Owner } from './owner.js';
import type { ManageSessions } from './sessions.js';

/** Plain values only; dates are RFC 3339. */
export type OwnData = Readonly<Record<string, unknown>>;

/** Call it for somebody who has just proven who they are. */
export type ExportData = (owner: Owner, visitor: Visitor) => Promise<OwnData | undefined>;

export function createExportData(
  parts: FlowParts & {
    readonly clock: Clock;
    readonly issuer: string;
    readonly activity: ReadActivity;
    readonly sessions: Pick<ManageSessions, 'list'>;
    readonly devices: Pick<ManageDevices, 'list'>;
    readonly applications: Pick<ManageApplications, 'list'>;
  },
): ExportData {
  const { domain, transact, clock } = parts;
  const { identity, credentials } = domain;

  return async (owner, visitor) => {
    const { accountId } = owner;
    const person = await identity.findPerson(accountId);
    if (person?.status !== 'active') return undefined;
    // Recorded first, so that it stands in what is handed out, and nothing leaves unrecorded.
    await transact(({ audit }) =>
      audit.record({
        event: 'data_exported',
        result: 'success',
        actor: { kind: 'account', id: accountId },
        subjectId: accountId,
        origin: visitor.origin,
      }),
    );
    const passkeys = await credentials.listPasskeys(accountId);
    const sessions = await parts.sessions.list(owner);
    const devices = await parts.devices.list(owner, visitor);
    const applications = await parts.applications.list(owner);
    const activity = await parts.activity.all(owner);
    return {
      issuer: parts.issuer,
      exported_at: clock.now(),
      account: {
        sub: accountId,
        kind: person.kind,
        created_at: person.createdAt,
        email: person.email ?? null,
        email_verified: person.emailVerified,
        profile: Object.fromEntries(
          profileFields
            .map((field) => [field, profileValue(person.profile, field)])
            .filter(([, value]) => value !== ''),
        ),
      },
      sign_in: {
        password_changed_at: (await credentials.passwordChangedAt(accountId)) ?? null,
        authenticator_app_since: (await credentials.totpSince(accountId)) ?? null,
        recovery_codes_left: await credentials.remainingRecoveryCodes(accountId),
        passkeys: passkeys.map(({ name, createdAt, lastUsedAt }) => {
          return { name, created_at: createdAt, last_used_at: lastUsedAt ?? null };
        }),
      },
      sessions: sessions.map(({ device, signedInAt, seenAt, applications: names }) => {
        return { device, signed_in_at: signedInAt, last_used_at: seenAt, applications: names };
      }),
      devices: devices.map(({ label, createdAt, lastSeenAt, trustedUntil }) => ({
        device: label,
        known_since: createdAt,
        last_used_at: lastSeenAt,
        not_asked_for_a_code_until: trustedUntil ?? null,
      })),
      applications: applications.map(({ clientId, name, since, identity: scopes, resources }) => {
        return { client_id: clientId, name, since, scopes, resources };
      }),
      activity: activity.entries.map(({ kind, at, application, device, network }) => {
        return { what: kind, at, application, device, network };
      }),
      activity_complete: activity.complete,
    };
  };
}
