/**
 * Operations on known devices. Which of them is asking stays open here: that stands in a cookie,
 * and this API takes none.
 */
import { z } from 'zod';
import type { ManageDevices } from '../../flows/account/devices.js';
import { type Operation, operation } from './operation.js';
import { orNotFound } from './refusals.js';
import { moment, when } from './shapes.js';

const list = z.strictObject({
  devices: z.array(
    z.strictObject({
      id: z.string(),
      label: z.string().describe('"Firefox on Windows"'),
      firstSeenAt: moment,
      lastSeenAt: moment,
      trustedUntil: moment.nullable().describe('Until then not asked for the second factor'),
    }),
  ),
});

const change = { scope: 'account:write', fresh: true } as const;
const missing = { 404: 'There is no such device, or it is somebody else’s' };

export function deviceOperations(devices: ManageDevices): readonly Operation[] {
  return [
    operation({
      method: 'get',
      path: '/devices',
      id: 'listDevices',
      summary: 'The devices on which the account has been used',
      scope: 'account:read',
      fresh: false,
      answer: { description: 'All of them', shape: list },
      work: async ({ owner, visitor }) => ({
        devices: (await devices.list(owner, visitor)).map((device) => ({
          id: device.id,
          label: device.label,
          firstSeenAt: when(device.createdAt),
          lastSeenAt: when(device.lastSeenAt),
          trustedUntil: when(device.trustedUntil),
        })),
      }),
    }),
    operation({
      ...change,
      method: 'delete',
      path: '/devices',
      id: 'forgetDevices',
      summary: 'Forget every device; the next log-in on each is one on a new device',
      async work({ owner, visitor }) {
        await devices.change(owner, visitor, { kind: 'forget-others' });
      },
    }),
    operation({
      ...change,
      method: 'delete',
      path: '/devices/{id}',
      id: 'forgetDevice',
      summary: 'Forget a device; its next log-in is one on a new device',
      refusals: missing,
      work: async ({ owner, visitor, id }) =>
        orNotFound(await devices.change(owner, visitor, { kind: 'forget', id })),
    }),
    operation({
      ...change,
      method: 'delete',
      path: '/devices/{id}/trust',
      id: 'distrustDevice',
      summary: 'Ask for the second factor on a device again',
      refusals: { 404: 'There is no such device, it is somebody else’s, or it is not trusted' },
      work: async ({ owner, visitor, id }) =>
        orNotFound(await devices.change(owner, visitor, { kind: 'distrust', id })),
    }),
  ];
}
