/** Operations on who is in: browsers that are signed in, and applications that have access. */
import { z } from 'zod';
import type { ManageApplications } from '../../flows/account/applications.js';
import type { ManageSessions } from '../../flows/account/sessions.js';
import { type Operation, operation } from './operation.js';
import { orNotFound } from './refusals.js';
import { moment, when } from './shapes.js';

const sessionList = z.strictObject({
  sessions: z.array(
    z.strictObject({
      id: z.string(),
      device: z.string().describe('"Firefox on Windows"'),
      signedInAt: moment,
      lastSeenAt: moment,
      current: z.boolean().describe('The one that this token comes from'),
      applications: z.array(z.string()).describe('Where it has signed in to, by name'),
    }),
  ),
});

const applicationList = z.strictObject({
  applications: z.array(
    z.strictObject({
      id: z.string(),
      name: z.string(),
      since: moment,
      identity: z.array(z.string()).describe('OpenID scopes'),
      resources: z.array(
        z.strictObject({
          name: z.string(),
          scopes: z.array(z.strictObject({ name: z.string(), description: z.string() })),
        }),
      ),
    }),
  ),
});

const change = { scope: 'account:write', fresh: true } as const;

export function sessionOperations(sessions: ManageSessions): readonly Operation[] {
  return [
    operation({
      method: 'get',
      path: '/sessions',
      id: 'listSessions',
      summary: 'The browsers that are signed in',
      scope: 'account:read',
      fresh: false,
      answer: { description: 'All of them, the last one used first', shape: sessionList },
      work: async ({ owner }) => ({
        sessions: (await sessions.list(owner)).map((session) => ({
          id: session.id,
          device: session.device,
          signedInAt: when(session.signedInAt),
          lastSeenAt: when(session.seenAt),
          current: session.here,
          applications: [...session.applications],
        })),
      }),
    }),
    operation({
      ...change,
      method: 'delete',
      path: '/sessions/others',
      id: 'endOtherSessions',
      summary: 'Sign every browser out but the one that this token comes from',
      async work({ owner, visitor }) {
        await sessions.end(owner, visitor, 'others');
      },
    }),
    operation({
      ...change,
      method: 'delete',
      path: '/sessions/{id}',
      id: 'endSession',
      summary: 'Sign a browser out; with the current one this token ends too',
      refusals: { 404: 'There is no such session, or it is somebody else’s' },
      work: async ({ owner, visitor, id }) =>
        orNotFound(await sessions.end(owner, visitor, { id })),
    }),
  ];
}

export function applicationOperations(applications: ManageApplications): readonly Operation[] {
  return [
    operation({
      method: 'get',
      path: '/applications',
      id: 'listApplications',
      summary: 'The applications that have access, and to what',
      scope: 'account:read',
      fresh: false,
      answer: { description: 'All of them', shape: applicationList },
      work: async ({ owner }) => ({
        applications: (await applications.list(owner)).map((application) => ({
          id: application.clientId,
          name: application.name,
          since: when(application.since),
          identity: [...application.identity],
          resources: application.resources.map(({ name, scopes }) => ({
            name,
            scopes: scopes.map(({ name, description }) => ({ name, description })),
          })),
        })),
      }),
    }),
    operation({
      ...change,
      method: 'delete',
      path: '/applications/{id}',
      id: 'removeApplication',
      summary: 'Take an application’s access back; with one’s own this token ends too',
      refusals: { 404: 'No such application has access' },
      work: async ({ owner, visitor, id }) =>
        orNotFound(await applications.remove(owner, visitor, id)),
    }),
  ];
}
