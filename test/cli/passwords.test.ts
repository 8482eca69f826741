/** Passwords of new accounts: what they must not hold, and a service for leaks that is away. */
import { randomBytes } from 'node:crypto';
import { afterEach, describe, expect, it } from 'vitest';
import { type CommandLine, openCommandLine } from '../support/command-line.js';
import { freePort } from '../support/server.js';

const GOOD = 'velvet otter mends the clocks';

let shell: CommandLine;
afterEach(async () => {
  await shell.close();
});

const createAccount = (password: string) =>
  shell.core.flows.createAccount({
    accountKind: 'shopper',
    // One word: a UUID is five of them, which a password may hold by chance.
    email: `${randomBytes(12).toString('hex')}@fernhill.example`,
    emailVerified: false,
    password,
    profile: {},
    roles: [],
    actor: { kind: 'operator' },
  });
const refused = {
  kind: 'invalid',
  faults: [{ code: 'contains-context' }],
};

describe('a password that is drawn', () => {
  it('is under no rule for those that people think of', async () => {
    shell = await openCommandLine({ LATCHKEY_PASSWORD_MIN_LENGTH: '64' });
    const { id, password } = await shell.json<{ id: string; password: string }>(
      ...['users', 'create', 'mara@fernhill.example'],
    );
    expect((await shell.core.domain.credentials.checkPassword(id, password)).kind).toBe('right');
  });
});

describe('the name of the shop', () => {
  it('is in no password, however it is dressed up', async () => {
    shell = await openCommandLine();
    for (const password of [
      'velvet otter at Alder & Oak',
      'velvet otter 4LDER-and-then-AlderOak',
      'velvet otter ALDER&0AK clocks',
    ]) {
      expect(await createAccount(password)).toEqual(refused);
    }
    // Its words by themselves are words like any other.
    expect(await createAccount('velvet otter under the oak')).toMatchObject({ kind: 'created' });
  });

  it('is that of the shop’s own clients, as long as they are in use', async () => {
    shell = await openCommandLine();
    await shell.json(
      ...['clients', 'create', 'partner', '--name', 'Quince & Fig', '--auth', 'none'],
      ...['--redirect-uri', 'https://quince.example/cb'],
    );
    expect(await createAccount(`${GOOD} Quince & Fig`)).toMatchObject({ kind: 'created' });
    expect(await createAccount(`${GOOD} Alder & Oak`)).toEqual(refused);
    for (const id of ['demo-storefront', 'demo-storefront-bff', 'latchkey-console']) {
      await shell.json('clients', 'disable', id);
    }
    for (const name of ['Alder & Oak', 'Quince & Fig', 'Orders API']) {
      expect(await createAccount(`${GOOD} ${name}`)).toMatchObject({ kind: 'created' });
    }
  });
});

describe('a service for leaked passwords that does not answer', () => {
  it('keeps nobody from a password, and the log says that it was let through', async () => {
    const dead = `http://127.0.0.1:${await freePort()}/range`;
    shell = await openCommandLine({ LATCHKEY_BREACHED_PASSWORDS: dead });
    const before = shell.log.length;
    expect(await createAccount(GOOD)).toMatchObject({ kind: 'created' });
    expect(shell.log.slice(before)).toEqual([
      expect.objectContaining({
        level: 'warn',
        msg: 'a password was let through unasked',
        err: expect.objectContaining({ message: expect.stringMatching(/./) }),
      }),
    ]);
    const written = JSON.stringify(shell.log);
    expect(written).not.toContain(GOOD);
    // Not even the digits that were asked for.
    expect(written).not.toContain('/range/');
  });

  it('is not asked about what is refused anyway', async () => {
    const dead = `http://127.0.0.1:${await freePort()}/range`;
    shell = await openCommandLine({ LATCHKEY_BREACHED_PASSWORDS: dead });
    const before = shell.log.length;
    expect(await createAccount('short')).toMatchObject({ kind: 'invalid' });
    expect(shell.log.slice(before)).toEqual([]);
  });
});
