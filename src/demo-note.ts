/** How people get into the demo shop: `demo.json` for programs, a few lines for the terminal. */
import { chmodSync, mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type DemoSecrets, demoFile } from './flows/demo-shop.js';

/** Readable by its owner only, and never half written. */
export function writeDemoFile(dataDir: string, issuer: string, demo: DemoSecrets): void {
  mkdirSync(dataDir, { recursive: true });
  const path = join(dataDir, 'demo.json');
  const draft = `${path}.${process.pid}`;
  writeFileSync(draft, `${JSON.stringify(demoFile(issuer, demo), null, 2)}\n`, { mode: 0o600 });
  chmodSync(draft, 0o600);
  renameSync(draft, path);
}

/** Where the shop is and who may log in. */
export function demoLines(dataDir: string, issuer: string, demo: DemoSecrets): string[] {
  const { users } = demoFile(issuer, demo) as {
    users: Record<string, { email: string; password: string; roles?: string[] }>;
  };
  const shoppers = Object.entries(users).filter(([, user]) => !user.roles);
  return [
    `  Demo shop  run "npm run demo" for the storefront; all secrets are in ${join(dataDir, 'demo.json')}`,
    ...shoppers.map(([name, user]) => `  Log in as  ${user.email}  ${user.password}  (${name})`),
  ];
}
