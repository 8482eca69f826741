/**
 * An owner adds a passkey, names it, takes it away. Each of them opens the account by itself, so
 * every change rests on a fresh proof, stands in the audit, and is written about.
 */
import type { Passkey, RelyingParty } from '../../domain/credentials/index.js';
import { passkeyName } from '../../domain/credentials/index.js';
import type { Clock } from '../../kernel/clock.js';
import type { Domain, FlowParts } from '../domain.js';
import type { Visitor } from '../sign-in/index.js';
import type { Owner } from './owner.js';

export type ListedPasskey = Passkey & {
  /** Staff cannot do without a second factor, and this is the only one (PCI DSS 8.4). */
  readonly needed: boolean;
};

export type AddPasskeyResult = 'added' | 'known' | 'too-many' | 'stale' | 'refused' | 'overtaken';

export type ManagePasskeys = ReturnType<typeof createManagePasskeys>;

export function createManagePasskeys(
  parts: FlowParts & { readonly clock: Clock; readonly relyingParty: RelyingParty },
) {
  const { domain, transact, relyingParty: rp } = parts;
  // The token is as secret as the sign-in it stands for, and the challenge ends with neither.
  const pageOf = ({ workId }: Owner) => workId;

  /** Holds the account still; nothing when it was taken back since the page was asked for. */
  const holding = <T>(owner: Owner, work: (tx: Domain) => Promise<T>): Promise<T | 'overtaken'> =>
    transact(async (tx) => {
      const held = await tx.identity.holdForSignIn(owner.accountId);
      const same = held?.status === 'active' && held.securityEpoch === owner.securityEpoch;
      return same ? work(tx) : 'overtaken';
    });

  async function record(
    { audit }: Domain,
    { accountId }: Owner,
    { origin }: Visitor,
    event: 'passkey_added' | 'passkey_renamed' | 'passkey_removed',
  ): Promise<void> {
    const actor = { kind: 'account', id: accountId } as const;
    await audit.record({ event, result: 'success', actor, subjectId: accountId, origin });
  }

  const write = (
    { mail }: Domain,
    { accountId }: Owner,
    { deviceLabel: device, language }: Visitor,
    { change, name }: { change: 'added' | 'removed'; name: string },
  ): Promise<void> =>
    mail.enqueue({
      kind: 'passkey_changed',
      change,
      name,
      accountId,
      at: parts.clock.now(),
      device,
      language,
    });

  async function list({ credentials }: Domain, owner: Owner): Promise<ListedPasskey[]> {
    const { accountId, kind } = owner;
    const passkeys = await credentials.listPasskeys(accountId);
    const last = passkeys.length === 1 && !(await credentials.hasTotp(accountId));
    return passkeys.map((passkey) => ({ ...passkey, needed: kind === 'staff' && last }));
  }

  return {
    list: (owner: Owner): Promise<ListedPasskey[]> => list(domain, owner),

    async find(owner: Owner, id: string): Promise<ListedPasskey | undefined> {
      return (await list(domain, owner)).find((passkey) => passkey.id === id);
    },

    /** What the browser is asked for a new one. */
    creation(owner: Owner): Promise<object> {
      const { accountId: id, email, name } = owner;
      const page = pageOf(owner);
      return domain.credentials.passkeyCreation({ page, rp, account: { id, email, name } });
    },

    /** The browser's answer, as JSON, and what its owner calls it. */
    async add(
      owner: Owner,
      visitor: Visitor,
      form: { readonly passkey: string; readonly name: string },
    ): Promise<AddPasskeyResult> {
      const json = form.passkey;
      const made = await domain.credentials.checkNewPasskey({ page: pageOf(owner), rp, json });
      if (typeof made === 'string') return made;
      return holding(owner, async (tx): Promise<AddPasskeyResult> => {
        const name = passkeyName(form.name, visitor.deviceLabel);
        const result = await tx.credentials.addPasskey(owner.accountId, made, name);
        if (result !== 'added') return result;
        // What is to be taken away for being lost is an older one.
        await tx.credentials.stopFactorReset(owner.accountId);
        await record(tx, owner, visitor, 'passkey_added');
        await write(tx, owner, visitor, { change: 'added', name });
        return result;
      });
    },

    rename: (
      owner: Owner,
      visitor: Visitor,
      form: { readonly id: string; readonly name: string },
    ): Promise<'renamed' | 'gone' | 'overtaken'> =>
      holding(owner, async (tx) => {
        const name = passkeyName(form.name);
        if (!(await tx.credentials.renamePasskey(owner.accountId, form.id, name))) return 'gone';
        await record(tx, owner, visitor, 'passkey_renamed');
        return 'renamed';
      }),

    remove: (
      owner: Owner,
      visitor: Visitor,
      id: string,
    ): Promise<'removed' | 'gone' | 'needed' | 'overtaken'> =>
      holding(owner, async (tx) => {
        // Looked at behind the account's lock: of two removals at once the second one sees
        // that the other way in is gone.
        const passkey = (await list(tx, owner)).find((one) => one.id === id);
        if (!passkey) return 'gone';
        if (passkey.needed) return 'needed';
        await tx.credentials.removePasskey(owner.accountId, id);
        await record(tx, owner, visitor, 'passkey_removed');
        await write(tx, owner, visitor, { change: 'removed', name: passkey.name });
        return 'removed';
      }),
  };
}
