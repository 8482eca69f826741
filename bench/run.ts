/** Runs every bench of this folder, one after the other: `npm run bench`. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const benches = ['introspection.ts', 'password-hashing.ts', 'login-timing.ts'];

for (const name of benches) {
  console.log(`\n${name}`);
  const file = fileURLToPath(new URL(name, import.meta.url));
  const { status } = spawnSync(process.execPath, ['--import', 'tsx', file], { stdio: 'inherit' });
  if (status !== 0) process.exitCode = 1;
}
