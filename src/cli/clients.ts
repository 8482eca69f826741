/** `latchkey clients …` */
import { readFileSync } from 'node:fs';
import { authMethods, type ClientDraft, grantTypes, idTokenAlgs } from '../domain/clients/index.js';
import {
  asRegistered,
  configureCommand,
  protocolArguments,
  protocolOptions,
  readProtocol,
} from './client-protocol.js';
import {
  type Command,
  done,
  failed,
  jsonOption,
  oneOf,
  operator,
  readArguments,
  table,
  UsageError,
} from './command.js';

const create: Command = {
  name: 'clients create',
  usage: '<id> --name <name> [options]',
  summary: 'Register a client',
  options: [
    { flag: '--name <name>', meaning: 'What shoppers see' },
    {
      flag: '--auth <method>',
      meaning: `${authMethods.join(', ')}; client_secret_basic by default`,
    },
    { flag: '--grant-type <type>', meaning: `Repeatable: ${grantTypes.join(', ')}` },
    { flag: '--redirect-uri <uri>', meaning: 'Repeatable; matched exactly' },
    { flag: '--post-logout-redirect-uri <uri>', meaning: 'Repeatable; matched exactly' },
    { flag: '--web-origin <origin>', meaning: 'Repeatable; may call from a browser (CORS)' },
    { flag: '--scope <scopes>', meaning: 'OpenID scopes, such as "openid profile email"' },
    { flag: '--allow <indicator>=<scopes>', meaning: 'Repeatable; scopes of a resource server' },
    { flag: '--audience <indicator>', meaning: 'Repeatable; speaks for this resource server' },
    { flag: '--native', meaning: 'An application on the user’s device' },
    { flag: '--first-party', meaning: 'The shop’s own: no consent page' },
    { flag: '--sign-up', meaning: 'Newcomers may create an account on its log-in page' },
    { flag: '--email-code', meaning: 'Shoppers may sign in with a code by e-mail' },
    { flag: '--id-token-alg <alg>', meaning: idTokenAlgs.join(', ') },
    { flag: '--jwks <file>', meaning: 'Public keys of a private_key_jwt client' },
    { flag: '--require-par', meaning: 'Only pushed authorization requests (RFC 9126)' },
    { flag: '--dpop', meaning: 'Only DPoP-bound access tokens (RFC 9449)' },
    ...protocolOptions,
    { flag: '--client-uri, --policy-uri, --tos-uri <uri>', meaning: 'Pages shown to shoppers' },
    jsonOption,
  ],
  prepare(args) {
    const many = { type: 'string', multiple: true } as const;
    const { values, positionals } = readArguments(
      args,
      {
        name: { type: 'string' },
        auth: { type: 'string' },
        'grant-type': many,
        'redirect-uri': many,
        'post-logout-redirect-uri': many,
        'web-origin': many,
        scope: { type: 'string' },
        allow: many,
        audience: many,
        native: { type: 'boolean' },
        'first-party': { type: 'boolean' },
        'sign-up': { type: 'boolean' },
        'email-code': { type: 'boolean' },
        'id-token-alg': { type: 'string' },
        jwks: { type: 'string' },
        'require-par': { type: 'boolean' },
        dpop: { type: 'boolean' },
        ...protocolArguments,
        'client-uri': { type: 'string' },
        'policy-uri': { type: 'string' },
        'tos-uri': { type: 'string' },
      },
      { min: 1, max: 1, what: 'one client id' },
    );
    const redirectUris = values['redirect-uri'] ?? [];
    const fallbackGrants =
      redirectUris.length > 0 ? ['authorization_code', 'refresh_token'] : ['client_credentials'];
    const isApi = (values.audience?.length ?? 0) > 0 && redirectUris.length === 0;
    const client: ClientDraft = {
      id: positionals[0] ?? '',
      name: values.name ?? '',
      authMethod: oneOf('--auth', values.auth ?? 'client_secret_basic', authMethods),
      grantTypes: (values['grant-type'] ?? (isApi ? [] : fallbackGrants)).map((grant) =>
        oneOf('--grant-type', grant, grantTypes),
      ),
      applicationType: values.native ? 'native' : 'web',
      firstParty: values['first-party'] ?? false,
      selfRegistration: values['sign-up'] ?? false,
      emailCode: values['email-code'] ?? false,
      redirectUris,
      postLogoutRedirectUris: values['post-logout-redirect-uri'] ?? [],
      webOrigins: values['web-origin'] ?? [],
      identityScopes: values.scope?.split(/\s+/).filter(Boolean) ?? [],
      idTokenAlg: oneOf('--id-token-alg', values['id-token-alg'] ?? 'ES256', idTokenAlgs),
      requirePushedRequests: values['require-par'] ?? false,
      dpopBoundAccessTokens: values.dpop ?? false,
      ...asRegistered(readProtocol(values)),
      ...(values.jwks ? { jwks: readJwks(values.jwks) } : {}),
      ...(values['client-uri'] ? { clientUri: values['client-uri'] } : {}),
      ...(values['policy-uri'] ? { policyUri: values['policy-uri'] } : {}),
      ...(values['tos-uri'] ? { tosUri: values['tos-uri'] } : {}),
    };
    const grants = Object.fromEntries((values.allow ?? []).map(readAllowance));
    return async ({ flows }) => {
      const result = await flows.registerClient({
        client,
        grants,
        audiences: values.audience ?? [],
        actor: operator,
      });
      switch (result.kind) {
        case 'id-taken':
          return failed(`There is a client "${client.id}" already`);
        case 'invalid':
          return failed(result.faults.join('; '));
        case 'registered':
          return result.secret === undefined
            ? done({ client_id: client.id }, `Registered ${client.id}`)
            : done(
                { client_id: client.id, client_secret: result.secret },
                `Registered ${client.id}`,
                `Secret  ${result.secret}  (shown this once)`,
              );
      }
    };
  },
};

/** `<indicator>=<scopes>` as a pair. */
export function readAllowance(value: string): [string, string[]] {
  const at = value.lastIndexOf('=');
  if (at < 1) throw new UsageError('--allow must be <indicator>=<scope>[,<scope>…]');
  const scopes = value.slice(at + 1).split(/[\s,]+/);
  return [value.slice(0, at), scopes.filter(Boolean)];
}

function readJwks(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    throw new UsageError(`--jwks: ${error instanceof Error ? error.message : String(error)}`);
  }
}

const list: Command = {
  name: 'clients list',
  usage: '',
  summary: 'Show the registered clients',
  options: [jsonOption],
  prepare(args) {
    readArguments(args, {}, { min: 0, max: 0, what: 'nothing else' });
    return async ({ domain }) => {
      const clients = [];
      let after: string | undefined;
      do {
        const page = await domain.clients.list({ limit: 100, ...(after ? { after } : {}) });
        clients.push(...page);
        after = page.length === 100 ? page[page.length - 1]?.id : undefined;
      } while (after);
      const ids = clients.map(({ id }) => id);
      const byItself = await domain.clientRegistrations.listSelfRegistered(ids);
      return done(
        clients.map(({ id, name, status, authMethod, firstParty, ...client }) => ({
          client_id: id,
          name,
          status,
          authMethod,
          firstParty,
          signUp: client.selfRegistration,
          emailCode: client.emailCode,
          selfRegistered: byItself.has(id),
        })),
        ...table(
          [
            'ID',
            'NAME',
            'STATUS',
            'AUTHENTICATION',
            'FIRST PARTY',
            'SIGN-UP',
            'E-MAIL CODE',
            'REGISTERED BY',
          ],
          clients.map((client) => [
            client.id,
            client.name,
            client.status,
            client.authMethod,
            client.firstParty ? 'yes' : 'no',
            client.selfRegistration ? 'on' : 'off',
            client.emailCode ? 'on' : 'off',
            byItself.has(client.id) ? 'itself' : 'an operator',
          ]),
        ),
      );
    };
  },
};

const secret: Command = {
  name: 'clients secret',
  usage: '<id> [--replace <secret-id>]',
  summary: 'Give a client another secret (two can live at a time)',
  options: [{ flag: '--replace <secret-id>', meaning: 'Take this one away' }, jsonOption],
  prepare(args) {
    const { values, positionals } = readArguments(
      args,
      { replace: { type: 'string' } },
      { min: 1, max: 1, what: 'one client id' },
    );
    return async ({ flows }) => {
      const clientId = positionals[0] ?? '';
      const result = await flows.issueClientSecret({
        clientId,
        ...(values.replace ? { replaces: values.replace } : {}),
        actor: operator,
      });
      switch (result.kind) {
        case 'not-found':
          return failed(`There is no client "${clientId}"`);
        case 'public-client':
          return failed(`"${clientId}" does not authenticate with a secret`);
        case 'unknown-secret':
          return failed(`"${clientId}" has no secret ${values.replace}`);
        case 'too-many':
          return failed(
            `"${clientId}" has two secrets already; take one away with --replace ${result.secretIds.join(' or ')}`,
          );
        case 'issued':
          return done(
            { client_id: clientId, secret_id: result.secretId, client_secret: result.secret },
            `Secret ${result.secretId}`,
            `${result.secret}  (shown this once)`,
          );
      }
    };
  },
};

function statusCommand(name: string, status: 'active' | 'disabled', summary: string): Command {
  return {
    name,
    usage: '<id> [--reason <text>]',
    summary,
    options: [{ flag: '--reason <text>', meaning: 'Why; kept in the audit log' }, jsonOption],
    prepare(args) {
      const { values, positionals } = readArguments(
        args,
        { reason: { type: 'string' } },
        { min: 1, max: 1, what: 'one client id' },
      );
      return async ({ flows }) => {
        const id = positionals[0] ?? '';
        const result = await flows.changeClientStatus({
          administrator: operator,
          id,
          status,
          reason: values.reason ?? '',
          origin: {},
        });
        if (result.kind !== 'changed') return failed(`There is no client "${id}"`);
        return done({ client_id: id, status }, `${id} is ${status}`);
      };
    },
  };
}

export const clientCommands: readonly Command[] = [
  create,
  list,
  configureCommand,
  secret,
  statusCommand('clients disable', 'disabled', 'Disable a client; everything issued to it ends'),
  statusCommand('clients enable', 'active', 'Enable a disabled client again'),
];
