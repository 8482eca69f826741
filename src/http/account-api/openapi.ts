/** The self-service API described by OpenAPI 3.1, made from the operations it consists of. */
import { z } from 'zod';
import { ACCOUNT_AUDIENCE, accountScopes } from '../../domain/access/index.js';
import { json, problemSchema, refusal } from '../api/openapi.js';
import type { Operation } from './operation.js';

function answersOf({ answer, body, refusals, fresh }: Operation): object {
  const success = answer
    ? { 200: json(answer.description, z.toJSONSchema(answer.shape)) }
    : { 204: { description: 'Done' } };
  const listed: Record<number, string> = {
    401: fresh
      ? 'No valid access token; or, with `insufficient_user_authentication` in WWW-Authenticate, a log-in that is too old or too weak (RFC 9470)'
      : 'No valid access token',
    403: 'The token does not carry the scope, is a machine’s, or came from a foreign origin',
    ...(body
      ? {
          400: 'The body is not valid JSON',
          413: 'The body is larger than 56 KiB',
          415: 'The body is not JSON',
          422: 'Some fields are not valid',
        }
      : {}),
    503: 'The database cannot be reached, or too much is going on; try again after Retry-After',
    ...refusals,
  };
  return {
    ...success,
    ...Object.fromEntries(Object.entries(listed).map(([code, text]) => [code, refusal(text)])),
  };
}

function parametersOf({ path, query = {} }: Operation): object {
  const schema = { type: 'string' };
  const parameters = [
    ...(path.includes('{id}') ? [{ name: 'id', in: 'path', required: true, schema }] : []),
    ...Object.entries(query).map(([name, description]) => {
      return { name, in: 'query', description, schema };
    }),
  ];
  return parameters.length > 0 ? { parameters } : {};
}

function describe(operation: Operation): object {
  const { id, summary, scope, fresh, body } = operation;
  return {
    operationId: id,
    summary,
    ...(fresh
      ? {
          description:
            'Takes a log-in of the last five minutes, with both factors if there are two',
        }
      : {}),
    security: [{ oauth2: [scope] }],
    ...parametersOf(operation),
    ...(body
      ? {
          requestBody: {
            required: true,
            content: { 'application/json': { schema: z.toJSONSchema(body) } },
          },
        }
      : {}),
    responses: answersOf(operation),
  };
}

/** The document served at `/account/api/v1/openapi.json`. */
export function accountApiDocument(issuer: string, operations: readonly Operation[]): object {
  const paths: Record<string, Record<string, object>> = {};
  for (const operation of operations) {
    paths[operation.path] = { ...paths[operation.path], [operation.method]: describe(operation) };
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Latchkey self-service API',
      version: '1',
      description: `For account pages of a shop's own. Takes the shopper's access token for the audience ${ACCOUNT_AUDIENCE}.`,
    },
    servers: [{ url: `${issuer}/account/api/v1` }],
    paths,
    components: {
      schemas: { Problem: problemSchema },
      securitySchemes: {
        oauth2: {
          type: 'oauth2',
          flows: {
            authorizationCode: {
              authorizationUrl: `${issuer}/oauth2/authorize`,
              tokenUrl: `${issuer}/oauth2/token`,
              scopes: accountScopes,
            },
          },
        },
      },
    },
  };
}
