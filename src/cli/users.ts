/** `latchkey users …` */
import { randomBytes } from 'node:crypto';
import { isRole, roles } from '../domain/access/index.js';
import { type Revocable, revocable } from '../flows/revoke-access.js';
import { isId } from '../kernel/ids.js';
import {
  type Command,
  done,
  failed,
  type Outcome,
  operator,
  readArguments,
  UsageError,
} from './command.js';
import type { CliCore } from './core.js';
import { faultSentence } from './faults.js';

const WHO = 'one account: its id or its e-mail address';

async function accountIdOf({ domain }: CliCore, who: string): Promise<string | undefined> {
  const account = isId(who)
    ? await domain.identity.findAccount(who)
    : await domain.identity.findByLogin(who);
  return account?.id;
}

const create: Command = {
  name: 'users create',
  usage: '<e-mail> [options]',
  summary: 'Create an account',
  options: [
    { flag: '--staff', meaning: 'Staff instead of a shopper' },
    {
      flag: '--role <role>',
      meaning: `Role of staff, repeatable: ${Object.keys(roles).join(', ')}`,
    },
    { flag: '--name <name>', meaning: 'Full name' },
    { flag: '--given-name <name>', meaning: 'Given name' },
    { flag: '--family-name <name>', meaning: 'Family name' },
    { flag: '--password-stdin', meaning: 'Read the password from standard input (one line)' },
    { flag: '--email-verified', meaning: 'The address is known to be theirs' },
    { flag: '--json', meaning: 'Machine-readable output' },
  ],
  prepare(args, readLine) {
    const { values, positionals } = readArguments(
      args,
      {
        staff: { type: 'boolean' },
        role: { type: 'string', multiple: true },
        name: { type: 'string' },
        'given-name': { type: 'string' },
        'family-name': { type: 'string' },
        'password-stdin': { type: 'boolean' },
        'email-verified': { type: 'boolean' },
      },
      { min: 1, max: 1, what: 'one e-mail address' },
    );
    const email = positionals[0] ?? '';
    const wanted = (values.role ?? []).map((role) => {
      if (!isRole(role)) throw new UsageError(`There is no role "${role}"`);
      return role;
    });
    // Never on the command line: arguments stand in the process list and the shell's history.
    const given = values['password-stdin'] ? readLine() : undefined;
    const password = given ?? randomBytes(15).toString('base64url');
    return async ({ flows }) => {
      const result = await flows.createAccount({
        accountKind: values.staff ? 'staff' : 'shopper',
        email,
        emailVerified: values['email-verified'] ?? false,
        password,
        generated: given === undefined,
        profile: {
          ...(values.name ? { name: values.name } : {}),
          ...(values['given-name'] ? { givenName: values['given-name'] } : {}),
          ...(values['family-name'] ? { familyName: values['family-name'] } : {}),
        },
        roles: wanted,
        actor: operator,
      });
      switch (result.kind) {
        case 'name-taken':
          return failed('There is an account with that e-mail address already');
        case 'invalid':
          return failed(result.faults.map(faultSentence).join('; '));
        case 'created': {
          const { accountId } = result;
          return given === undefined
            ? done(
                { id: accountId, password },
                `Created ${accountId}`,
                `Password  ${password}  (shown this once)`,
              )
            : done({ id: accountId }, `Created ${accountId}`);
        }
      }
    };
  },
};

function statusCommand(name: string, status: 'active' | 'disabled', summary: string): Command {
  return {
    name,
    usage: '<id or e-mail> [--reason <text>]',
    summary,
    options: [
      { flag: '--reason <text>', meaning: 'Why; kept in the audit log' },
      { flag: '--json', meaning: 'Machine-readable output' },
    ],
    prepare(args) {
      const { values, positionals } = readArguments(
        args,
        { reason: { type: 'string' } },
        { min: 1, max: 1, what: WHO },
      );
      return async (core): Promise<Outcome> => {
        const id = await accountIdOf(core, positionals[0] ?? '');
        if (!id) return failed('There is no such account');
        await core.flows.changeAccountStatus({
          administrator: operator,
          id,
          status,
          reason: values.reason ?? '',
          origin: {},
        });
        return done({ id, status }, `${id} is ${status}`);
      };
    },
  };
}

const revoke: Command = {
  name: 'users revoke',
  usage: '<id or e-mail> [--what <list>] [--reason <text>]',
  summary: 'End an account’s sessions and tokens at once',
  options: [
    { flag: '--what <list>', meaning: `Of ${revocable.join(',')}; sessions,tokens by default` },
    { flag: '--reason <text>', meaning: 'Why; kept in the audit log' },
    { flag: '--json', meaning: 'Machine-readable output' },
  ],
  prepare(args) {
    const { values, positionals } = readArguments(
      args,
      { what: { type: 'string' }, reason: { type: 'string' } },
      { min: 1, max: 1, what: WHO },
    );
    const what = (values.what ?? 'sessions,tokens').split(',').map((part): Revocable => {
      const known = revocable.find((candidate) => candidate === part.trim());
      if (!known) throw new UsageError(`"${part}" cannot be revoked`);
      return known;
    });
    return async (core) => {
      const accountId = await accountIdOf(core, positionals[0] ?? '');
      if (!accountId) return failed('There is no such account');
      const result = await core.flows.revokeAccess({
        administrator: operator,
        accountId,
        what,
        reason: values.reason ?? '',
        origin: {},
      });
      if (result.kind !== 'revoked') return failed('There is no such account');
      const { sessions, grants, tokens, credentials } = result.revoked;
      return done(
        { id: accountId, revoked: result.revoked },
        `Ended ${sessions} sessions, ${grants} grants, ${tokens} tokens and ${credentials} credentials of ${accountId}`,
      );
    };
  },
};

const resetSecondFactor: Command = {
  name: 'users reset-second-factor',
  usage: '<id or e-mail> [--reason <text>] [--now | --stop]',
  summary: 'Take a lost second factor away after a waiting time, in which the owner can stop it',
  options: [
    { flag: '--reason <text>', meaning: 'Why, and how you know who asks; kept in the audit log' },
    { flag: '--now', meaning: 'Without waiting: you have seen the owner face to face' },
    { flag: '--stop', meaning: 'Stop a reset that is waiting' },
    { flag: '--json', meaning: 'Machine-readable output' },
  ],
  prepare(args) {
    const { values, positionals } = readArguments(
      args,
      { reason: { type: 'string' }, now: { type: 'boolean' }, stop: { type: 'boolean' } },
      { min: 1, max: 1, what: WHO },
    );
    const { reason = '', now = false, stop = false } = values;
    if (now && stop) throw new UsageError('Take either --now or --stop');
    return async (core) => {
      const accountId = await accountIdOf(core, positionals[0] ?? '');
      if (!accountId) return failed('There is no such account');
      const who = { administrator: operator, accountId, origin: {} };
      if (stop) {
        const stopped = await core.flows.stopReset.byStaff(who);
        if (stopped !== 'stopped') return failed('No reset of a second factor is waiting');
        return done({ id: accountId, stopped: true }, `The second factor of ${accountId} stays`);
      }
      const result = await core.flows.resetSecondFactor({ ...who, reason, now });
      if (result.kind === 'none') return failed('The account has no second factor');
      if (result.kind === 'disabled') {
        return failed('The account is disabled, so its owner could not stop it; enable it first');
      }
      if (result.kind === 'planned') {
        const at = result.effectiveAt.toISOString();
        return done(
          { id: accountId, effectiveAt: at },
          `The second factor of ${accountId} goes at ${at}, unless the owner uses it or stops it`,
        );
      }
      return done(
        { id: accountId },
        `${accountId} has no second factor any more; staff set one up at the next sign-in`,
      );
    };
  },
};

const unlock: Command = {
  name: 'users unlock',
  usage: '<id or e-mail>',
  summary: 'Open the lock of an account after too many wrong passwords or codes',
  options: [{ flag: '--json', meaning: 'Machine-readable output' }],
  prepare(args) {
    const { positionals } = readArguments(args, {}, { min: 1, max: 1, what: WHO });
    return async (core) => {
      const accountId = await accountIdOf(core, positionals[0] ?? '');
      if (!accountId) return failed('There is no such account');
      await core.flows.unlockAccount({ administrator: operator, accountId, origin: {} });
      return done({ id: accountId }, `${accountId} may try again`);
    };
  },
};

export const userCommands: readonly Command[] = [
  create,
  statusCommand('users disable', 'disabled', 'Disable an account; everything it has ends at once'),
  statusCommand('users enable', 'active', 'Enable a disabled account again'),
  revoke,
  unlock,
  resetSecondFactor,
];
