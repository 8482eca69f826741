/** The system user that PostgreSQL runs as when we are root. */
import { EmbeddedPostgresError } from './error.js';
import { run } from './programs.js';

export type Account = { readonly uid: number; readonly gid: number };

/** Finds the system user for PostgreSQL and creates it where the system has none. */
export async function findOrCreateAccount(): Promise<Account> {
  const names = process.platform === 'darwin' ? ['_postgres', 'postgres'] : ['postgres'];
  for (const name of names) {
    const account = await lookUp(name);
    if (account !== undefined) return account;
  }
  await createAccount();
  const created = await lookUp('postgres');
  if (created === undefined) {
    throw new EmbeddedPostgresError(
      "PostgreSQL does not run as root and the system user 'postgres' could not be created: run as an ordinary user, or set DATABASE_URL",
    );
  }
  return created;
}

async function lookUp(name: string): Promise<Account | undefined> {
  const [user, group] = await Promise.all([run('id', ['-u', name]), run('id', ['-g', name])]);
  const uid = Number.parseInt(user.stdout, 10);
  const gid = Number.parseInt(group.stdout, 10);
  return user.ok && group.ok && uid > 0 && gid >= 0 ? { uid, gid } : undefined;
}

/** Debian and Red Hat have groupadd and useradd, Alpine has BusyBox's addgroup and adduser. */
async function createAccount(): Promise<void> {
  const shell = '/bin/false';
  await run('groupadd', ['--system', 'postgres']);
  const useradd = ['--system', '--no-create-home', '--gid', 'postgres', '--shell', shell];
  if ((await run('useradd', [...useradd, 'postgres'])).ok) return;
  await run('addgroup', ['-S', 'postgres']);
  await run('adduser', ['-S', '-D', '-H', '-G', 'postgres', '-s', shell, 'postgres']);
}
