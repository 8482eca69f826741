/** The examples as people run them: processes of their own that print when they are ready. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { cleanEnvironment, freePort, type TestServer } from './server.js';

const root = fileURLToPath(new URL('../../', import.meta.url));

export type Example = {
  /** Where it listens, without a trailing slash. */
  readonly origin: string;
  stop(): Promise<void>;
};

/** Starts `examples/<name>` for a server; `env` holds what differs from its `demo.json`. */
export async function startExample(
  name: 'storefront' | 'orders-api' | 'till',
  server: TestServer,
  env: Readonly<Record<string, string>> = {},
): Promise<Example> {
  const port = env.PORT ?? String(await freePort());
  const child = spawn(process.execPath, ['--import', 'tsx', `examples/${name}/main.ts`], {
    cwd: root,
    env: {
      ...cleanEnvironment(),
      DEMO_FILE: join(server.dataDir, 'demo.json'),
      ...env,
      PORT: port,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const exited = new Promise<void>((resolve) => child.once('close', () => resolve()));
  let complaints = '';
  child.stderr.on('data', (chunk: Buffer) => {
    complaints += chunk.toString();
  });
  await new Promise<void>((resolve, reject) => {
    createInterface({ input: child.stdout }).on('line', (line) => {
      if (line.includes('is ready at')) resolve();
    });
    void exited.then(() => reject(new Error(`${name} ended:\n${complaints}`)));
  });
  return {
    origin: `http://localhost:${port}`,
    async stop() {
      child.kill('SIGTERM');
      await exited;
    },
  };
}
