/** The self-service API at `/account/api/v1`: for shops that draw their own account pages. */
import Router from '@koa/router';
import type { ManageApplications } from '../../flows/account/applications.js';
import type { ManageDevices } from '../../flows/account/devices.js';
import type { ManagePasskeys } from '../../flows/account/passkeys.js';
import type { ManageSecondFactor } from '../../flows/account/second-factor.js';
import type { ManageSessions } from '../../flows/account/sessions.js';
import type { IsCallingOrigin } from '../../flows/account/web-origins.js';
import type { RequestState } from '../context.js';
import { applicationOperations, sessionOperations } from './access.js';
import { type AddressParts, addressOperations } from './address.js';
import { type ApiDeskParts, createApiDesk } from './desk.js';
import { deviceOperations } from './devices.js';
import { accountApiDocument } from './openapi.js';
import type { Operation } from './operation.js';
import { passkeyOperations } from './passkeys.js';
import { type PersonParts, personOperations } from './person.js';
import { type ProfileParts, profileOperations } from './profile.js';
import { secondFactorOperations } from './second-factor.js';

export type AccountApiParts = ApiDeskParts &
  PersonParts &
  AddressParts &
  ProfileParts & {
    readonly isCallingOrigin: IsCallingOrigin;
    readonly manageDevices: ManageDevices;
    readonly manageSessions: ManageSessions;
    readonly manageApplications: ManageApplications;
    readonly secondFactor: ManageSecondFactor;
    readonly managePasskeys: ManagePasskeys;
  };

/** In the order in which they are tried: `/sessions/others` comes before `/sessions/{id}`. */
function operationsOf(parts: AccountApiParts): readonly Operation[] {
  return [
    ...personOperations(parts),
    ...addressOperations(parts),
    ...profileOperations(parts),
    ...secondFactorOperations(parts.secondFactor),
    ...passkeyOperations(parts.managePasskeys, parts.issuer),
    ...deviceOperations(parts.manageDevices),
    ...sessionOperations(parts.manageSessions),
    ...applicationOperations(parts.manageApplications),
  ];
}

export function accountApiRoutes(parts: AccountApiParts): Router<RequestState> {
  const router = new Router<RequestState>({
    prefix: '/account/api/v1',
    strict: true,
    sensitive: true,
  });
  const serve = createApiDesk(parts);
  const operations = operationsOf(parts);
  const document = accountApiDocument(parts.issuer, operations);
  router.get('/openapi.json', (ctx) => {
    ctx.body = document;
  });
  for (const operation of operations) {
    router[operation.method](operation.path.replace('{id}', ':id'), (ctx) => serve(ctx, operation));
  }
  return router;
}
