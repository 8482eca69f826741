/** Where the shop finds its sign-in server and its orders, and who it is there. */
import { readFileSync } from 'node:fs';

const { env } = process;

/** What the shop reads of the file that Latchkey's demo seed writes. */
type DemoFile = {
  readonly issuer: string;
  readonly clients: { readonly storefront: { readonly client_id: string; readonly scope: string } };
  readonly resources: { readonly orders: { readonly indicator: string } };
};

function readDemoFile(path: string): DemoFile {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as DemoFile;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    console.error(
      `The storefront needs the demo shop of a running Latchkey (npm start): ${reason}`,
    );
    process.exit(1);
  }
}

const demo = readDemoFile(env.DEMO_FILE ?? '.latchkey/demo.json');
const port = Number(env.PORT ?? 4000);
const issuer = new URL(env.ISSUER ?? demo.issuer);

export const settings = {
  port,
  /** Registered at the sign-in server, letter by letter: `<origin>/callback` and `<origin>/`. */
  origin: `http://localhost:${port}`,
  issuer,
  /** Plain http is for a demo on one machine: anywhere else tokens would be there to read. */
  withoutTls: ['localhost', '127.0.0.1'].includes(issuer.hostname),
  clientId: env.CLIENT_ID ?? demo.clients.storefront.client_id,
  scope: env.SCOPE ?? demo.clients.storefront.scope,
  /** The API the access token is for (RFC 8707); it is good for no other. */
  resource: demo.resources.orders.indicator,
  ordersApi: new URL('/orders', env.ORDERS_API ?? 'http://localhost:4002'),
};
