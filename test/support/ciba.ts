/** A telephone desk that asks, and a shopper who answers on another device. */
import { type Owner, ownerAt } from './account.js';
import { type Answer, basic, type Fields, ORDERS, post, postAs } from './protocol.js';
import type { TestServer } from './server.js';
import type { Browser, Reply } from './shopper.js';
import type { People, Person } from './sign-in.js';

export const CIBA = 'urn:openid:params:grant-type:ciba';
export const DESK = 'demo-telephone-desk';
export const ENDPOINT = '/oauth2/backchannel-authentication';

/** The desk asks for a shopper's approval. */
export function ask(server: TestServer, email: string, changes: Fields = {}): Promise<Answer> {
  return postAs(server, 'telephone_desk', ENDPOINT, {
    scope: 'openid profile orders:write',
    resource: ORDERS,
    login_hint: email,
    binding_message: 'Order 4711, oak table, €349.00',
    ...changes,
  });
}

/** The value of a request that was taken. */
export async function asked(
  server: TestServer,
  email: string,
  changes: Fields = {},
): Promise<string> {
  const answer = await ask(server, email, changes);
  if (answer.status !== 200) throw new Error(`not taken: ${answer.status} ${answer.text}`);
  return String(answer.json.auth_req_id);
}

/** Asks once whether the shopper has answered. */
export function poll(
  server: TestServer,
  authReqId: string,
  client?: { client_id: string; client_secret: string },
): Promise<Answer> {
  const fields = { grant_type: CIBA, auth_req_id: authReqId, resource: ORDERS };
  if (!client) return postAs(server, 'telephone_desk', '/oauth2/token', fields);
  return post(server, '/oauth2/token', fields, { authorization: basic(client) });
}

/** The pages of the requests that wait for somebody, the oldest first. */
export const waitingPages = ({ body }: Pick<Reply, 'body'>): string[] =>
  [...body.matchAll(/href="(\/account\/approvals\/[^"]+)"/g)].map(([, path]) => path as string);

/** Where the form that answers is sent. */
type Choice = 'approve' | 'refuse' | 'stop';

/** Opens the oldest request that waits and answers it; gives the page that comes then. */
export async function answerOldest(owner: Owner, choice: Choice): Promise<Reply> {
  const [path = ''] = waitingPages(await owner.open('/account/approvals'));
  if (!path) throw new Error('nothing waits');
  return answerAt(owner, path, choice);
}

export async function answerAt(owner: Owner, path: string, choice: Choice): Promise<Reply> {
  const page = await owner.open(path);
  return owner.answer(await press(owner, page, path, choice));
}

/** Sends the form, whatever the page is; what comes back is not followed. */
export function press(owner: Owner, page: Reply, path: string, choice: Choice): Promise<Reply> {
  const csrf = page.body.match(/name="csrf" value="([^"]*)"/)?.[1] ?? '';
  return owner.browser.post(choice === 'approve' ? path : `${path}/${choice}`, { csrf });
}

export const ownerOf = (
  server: TestServer,
  people: People,
  browser: Browser,
  person: Person,
): Owner => ownerAt(server, people, browser, person);

export const titleOf = ({ body }: Pick<Reply, 'body'>): string =>
  (body.match(/<h1>([\s\S]*?)<\/h1>/)?.[1] ?? '').replace(/<[^>]*>/g, '');

/** A desk besides the demo's, made without the command line's start-up; how it authenticates. */
export async function addDesk({ transact }: Pick<People, 'transact'>, id: string): Promise<string> {
  return transact(async ({ clients }) => {
    await clients.register({
      id,
      name: id,
      authMethod: 'client_secret_basic',
      firstParty: true,
      grantTypes: [CIBA],
      identityScopes: ['openid'],
    });
    const issued = await clients.issueSecret(id);
    if (issued.kind !== 'issued') throw new Error(issued.kind);
    return basic({ client_id: id, client_secret: issued.secret });
  });
}
