/** Clients that register themselves, as tests need them. */
import { openOperator } from './operator.js';
import { type Answer, answerOf } from './protocol.js';
import type { TestServer } from './server.js';

/** Switches self-registration on. */
export const OPEN = { LATCHKEY_REGISTRATION: 'token' };

/** A server whose commands run within the test: there are many of them. */
export function withQuickCommands(server: TestServer): TestServer {
  const operator = openOperator(server);
  return {
    ...server,
    cli: (args) => operator.run(...args),
    async stop(signal) {
      await operator.close();
      return server.stop(signal);
    },
  };
}

/** An initial access token, made on the command line. */
export async function initialToken(
  server: TestServer,
  ...args: string[]
): Promise<{ id: string; token: string }> {
  const done = await server.cli(['registration-tokens', 'create', '--json', ...args]);
  if (done.code !== 0) throw new Error(`no token: ${done.stderr}`);
  return JSON.parse(done.stdout) as { id: string; token: string };
}

/** Sends a registration as it is: a text goes out unchanged. */
export async function sendMetadata(
  url: string,
  token: string | undefined,
  body: unknown,
  { method = 'POST', headers = {} }: { method?: string; headers?: Record<string, string> } = {},
): Promise<Answer> {
  return answerOf(
    await fetch(url, {
      method,
      headers: {
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        ...headers,
      },
      ...(body === undefined
        ? {}
        : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    }),
  );
}

export const registerAt = (
  server: TestServer,
  token: string | undefined,
  body: unknown,
  headers: Record<string, string> = {},
) => sendMetadata(`${server.issuer}/oauth2/register`, token, body, { headers });

/** What the answer says of managing the registration. */
export function managementOf({ json }: Answer): { uri: string; access: string } {
  return {
    uri: String(json.registration_client_uri),
    access: String(json.registration_access_token),
  };
}
