/** Where the API finds its authorization server, and who it is there. */
import { readFileSync } from 'node:fs';

const { env } = process;

/** What the API reads of the file that Latchkey's demo seed writes. */
type DemoFile = {
  readonly issuer: string;
  readonly clients: {
    readonly orders_api: { readonly client_id: string; readonly client_secret: string };
  };
  readonly resources: { readonly orders: { readonly indicator: string } };
};

function readDemoFile(path: string): DemoFile {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as DemoFile;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    console.error(
      `The orders API needs the demo shop of a running Latchkey (npm start): ${reason}`,
    );
    process.exit(1);
  }
}

const demo = readDemoFile(env.DEMO_FILE ?? '.latchkey/demo.json');

const issuer = new URL(env.ISSUER ?? demo.issuer);

export const settings = {
  port: Number(env.PORT ?? 4002),
  issuer,
  /** Plain http is for a demo on one machine: anywhere else tokens would be there to read. */
  withoutTls: ['localhost', '127.0.0.1'].includes(issuer.hostname),
  clientId: env.CLIENT_ID ?? demo.clients.orders_api.client_id,
  clientSecret: env.CLIENT_SECRET ?? demo.clients.orders_api.client_secret,
  /** The name tokens for this API carry in `aud` (RFC 8707). */
  audience: demo.resources.orders.indicator,
};
