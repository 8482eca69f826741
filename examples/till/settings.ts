/** Where the till finds its sign-in server and the orders, and who it is there. */
import { readFileSync } from 'node:fs';

const { env } = process;

/** What the till reads of the file that Latchkey's demo seed writes. */
type DemoFile = {
  readonly issuer: string;
  readonly clients: { readonly device: { readonly client_id: string } };
  readonly resources: { readonly orders: { readonly indicator: string } };
};

function readDemoFile(path: string): DemoFile {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as DemoFile;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    console.error(`The till needs the demo shop of a running Latchkey (npm start): ${reason}`);
    process.exit(1);
  }
}

const demo = readDemoFile(env.DEMO_FILE ?? '.latchkey/demo.json');
const port = Number(env.PORT ?? 4003);
const issuer = new URL(env.ISSUER ?? demo.issuer);

export const settings = {
  port,
  origin: `http://localhost:${port}`,
  issuer,
  /** Plain http is for a demo on one machine: anywhere else tokens would be there to read. */
  withoutTls: ['localhost', '127.0.0.1'].includes(issuer.hostname),
  clientId: env.CLIENT_ID ?? demo.clients.device.client_id,
  scope: env.SCOPE ?? 'openid profile offline_access orders:read',
  /** The API the access token is for (RFC 8707). */
  resource: demo.resources.orders.indicator,
  ordersApi: new URL('/orders', env.ORDERS_API ?? 'http://localhost:4002'),
};
