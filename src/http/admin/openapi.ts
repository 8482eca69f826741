/** The admin API described by OpenAPI 3.1, made from the very schemas that check the input. */
import { z } from 'zod';
import { signingAlgs } from '../../kernel/signing-algs.js';
import { json, problemSchema, refusal } from '../api/openapi.js';
import {
  brandBody,
  factorResetBody,
  keyRotationBody,
  revocationBody,
  statusBody,
} from './bodies.js';

const count = { type: 'integer', minimum: 0 };

function answers(success: object, status: 200 | 204): object {
  return {
    [status]: success,
    400: refusal('The body is not valid JSON'),
    401: refusal('No valid access token'),
    403: refusal('The token does not carry the scope'),
    404: refusal('There is no such object, or it is not yours to see'),
    413: refusal('The body is larger than 256 KiB'),
    422: refusal('Some fields are not valid'),
    503: refusal('The database cannot be reached; try again after Retry-After'),
  };
}

function operation(input: {
  id: string;
  summary: string;
  scope: string;
  /** Left out where the address says everything. */
  body?: z.ZodType;
  success: object;
  /** Where it may also be done later. */
  planned?: object;
  /** Whether the address has no id in it. */
  collection?: boolean;
  /** Whether it answers with a body although it takes none. */
  reads?: boolean;
}): object {
  return {
    operationId: input.id,
    summary: input.summary,
    security: [{ oauth2: [input.scope] }],
    ...(input.collection
      ? {}
      : {
          parameters: [{ name: 'id', in: 'path', required: true, schema: { type: 'string' } }],
        }),
    ...(input.body
      ? {
          requestBody: {
            required: true,
            content: { 'application/json': { schema: z.toJSONSchema(input.body) } },
          },
        }
      : {}),
    responses: {
      ...answers(input.success, input.body || input.reads ? 200 : 204),
      ...(input.planned ? { 202: input.planned } : {}),
    },
  };
}

const statusAnswer = json('The new status', {
  type: 'object',
  required: ['id', 'status'],
  properties: { id: { type: 'string' }, status: { enum: ['active', 'disabled'] } },
});

const nullable = (type: string) => ({ type: [type, 'null'] });
const brandAnswer = json('The brand, and what had to be done to its colours', {
  type: 'object',
  required: ['accent', 'surface', 'logo', 'shown', 'notes'],
  properties: {
    accent: nullable('string'),
    surface: nullable('string'),
    logo: {
      ...nullable('object'),
      properties: {
        href: { type: 'string', format: 'uri-reference' },
        mediaType: { type: 'string' },
        width: { type: 'integer' },
        height: { type: 'integer' },
      },
    },
    shown: { ...nullable('object'), description: 'The colours of each theme, as pages have them' },
    notes: { type: 'array', items: { type: 'string' } },
  },
});

const kids = { type: 'array', items: { type: 'string' } };
const moment = { type: 'string', format: 'date-time' };
const keyList = {
  type: 'object',
  required: ['data', 'nextCursor'],
  properties: {
    data: {
      type: 'array',
      items: {
        type: 'object',
        required: ['kid', 'alg', 'state', 'createdAt', 'signsFrom', 'publishedUntil', 'revokedAt'],
        properties: {
          kid: { type: 'string' },
          alg: { enum: [...signingAlgs] },
          state: { enum: ['upcoming', 'signing', 'retiring', 'revoked'] },
          createdAt: moment,
          signsFrom: moment,
          publishedUntil: { type: ['string', 'null'], format: 'date-time' },
          revokedAt: { type: ['string', 'null'], format: 'date-time' },
        },
      },
    },
    nextCursor: { type: 'null' },
  },
};

/** The document served at `/admin/api/v1/openapi.json`. */
export function openApiDocument(issuer: string): object {
  return {
    openapi: '3.1.0',
    info: { title: 'Latchkey admin API', version: '1' },
    servers: [{ url: `${issuer}/admin/api/v1` }],
    paths: {
      '/users/{id}/revocations': {
        post: operation({
          id: 'revokeAccess',
          summary: 'End an account’s sessions, tokens or credentials at once',
          scope: 'grants:revoke',
          body: revocationBody,
          success: json('How many of each were alive and are no more', {
            type: 'object',
            required: ['revoked'],
            properties: {
              revoked: {
                type: 'object',
                required: ['sessions', 'grants', 'tokens', 'credentials'],
                properties: { sessions: count, grants: count, tokens: count, credentials: count },
              },
            },
          }),
        }),
      },
      '/users/{id}/unlock': {
        post: operation({
          id: 'unlockAccount',
          summary: 'Open the lock of an account after too many wrong passwords or codes',
          scope: 'users:write',
          success: { description: 'The next guess is the first one again' },
        }),
      },
      '/users/{id}/second-factor-resets': {
        post: operation({
          id: 'resetSecondFactor',
          summary:
            'Take a lost second factor away after a waiting time in which its owner can stop it, or at once',
          scope: 'users:write',
          body: factorResetBody,
          success: json('Whether it is gone', {
            type: 'object',
            required: ['removed'],
            properties: { removed: { type: 'boolean' } },
          }),
          planned: json('It will go when the waiting time is over', {
            type: 'object',
            required: ['removed', 'effectiveAt'],
            properties: {
              removed: { type: 'boolean', const: false },
              effectiveAt: { type: 'string', format: 'date-time' },
            },
          }),
        }),
        delete: operation({
          id: 'stopSecondFactorReset',
          summary: 'Stop a planned reset, if there is one',
          scope: 'users:write',
          success: { description: 'There is none any more' },
        }),
      },
      '/users/{id}': {
        patch: operation({
          id: 'changeAccountStatus',
          summary: 'Disable an account, which ends everything it has, or enable it again',
          scope: 'users:write',
          body: statusBody,
          success: statusAnswer,
        }),
      },
      '/clients/{id}': {
        patch: operation({
          id: 'changeClientStatus',
          summary: 'Disable a client, which ends everything issued to it, or enable it again',
          scope: 'clients:write',
          body: statusBody,
          success: statusAnswer,
        }),
      },
      '/clients/{id}/brand': {
        put: operation({
          id: 'brandClient',
          summary: 'Give a client’s pages a logo and colours; what is left out is taken away',
          scope: 'clients:write',
          body: brandBody,
          success: brandAnswer,
        }),
        delete: operation({
          id: 'unbrandClient',
          summary: 'Take the logo and the colours of a client’s pages away',
          scope: 'clients:write',
          success: { description: 'The pages look as they do without a brand' },
        }),
      },
      '/keys': {
        get: operation({
          id: 'listKeys',
          summary: 'See the signing keys that are published, and those that were revoked',
          scope: 'keys:read',
          collection: true,
          reads: true,
          success: json('The keys', keyList),
        }),
      },
      '/keys/rotations': {
        post: operation({
          id: 'rotateKeys',
          summary:
            'Publish successors of the signing keys; in an emergency, take keys out at once with all they signed',
          scope: 'keys:rotate',
          collection: true,
          body: keyRotationBody,
          success: json('What is out now, and what is published', {
            type: 'object',
            required: ['revoked', 'published', 'underWay'],
            properties: {
              revoked: kids,
              published: kids,
              underWay: {
                type: 'boolean',
                description: 'Successors were on their way already: `published` names those',
              },
            },
          }),
        }),
      },
    },
    components: {
      schemas: { Problem: problemSchema },
      securitySchemes: {
        oauth2: {
          type: 'oauth2',
          flows: {
            clientCredentials: {
              tokenUrl: `${issuer}/oauth2/token`,
              scopes: {
                'grants:revoke': 'End sessions, grants and tokens',
                'users:write': 'Create, change and disable accounts',
                'keys:read': 'See the signing keys',
                'keys:rotate': 'Rotate the signing keys',
                'clients:write': 'Register, change and disable clients and resource servers',
              },
            },
          },
        },
      },
    },
  };
}
