/** The pages with the devices of an account. Nothing is forgotten without a question. */
import type { DeviceChange, ManageDevices, OwnDevice } from '../../flows/account/devices.js';
import { accountDeviceQuestionPage, accountDevicesPage, type DeviceQuestion } from '../views.js';
import type { Call, Desk } from './desk.js';
import type { Notice } from './notices.js';

const LIST = '/account/devices';
const FRESH = { fresh: true } as const;

export function devicePages(desk: Desk, devices: ManageDevices): void {
  const ask = (call: Call, question: DeviceQuestion | undefined): void => {
    if (!question) {
      call.goTo(LIST, 'nothing-left');
      return;
    }
    call.ctx.body = accountDeviceQuestionPage({
      ...call.frame('devices'),
      action: call.ctx.path,
      question,
    });
  };
  const apply = async (call: Call, change: DeviceChange, notice: Notice): Promise<void> => {
    const done = await devices.change(call.owner, call.visitor, change);
    call.goTo(LIST, done === 'done' ? notice : 'nothing-left');
  };
  const find = async (call: Call): Promise<OwnDevice | undefined> => {
    const all = await devices.list(call.owner, call.visitor);
    return all.find(({ id }) => id === idOf(call));
  };

  desk.page('/devices', { fresh: false }, async (call) => {
    const all = await devices.list(call.owner, call.visitor);
    call.ctx.body = accountDevicesPage({ ...call.frame('devices'), devices: all });
  });

  desk.page('/devices/others', FRESH, async (call) => {
    const all = await devices.list(call.owner, call.visitor);
    const count = all.filter(({ here }) => !here).length;
    ask(call, count > 0 ? { kind: 'forget-others', count } : undefined);
  });
  desk.form('/devices/others', { ...FRESH, on: LIST }, (call) =>
    apply(call, { kind: 'forget-others' }, 'devices-forgotten'),
  );

  desk.page('/devices/:id/forget', FRESH, async (call) => {
    const device = await find(call);
    ask(call, device && { kind: 'forget', device });
  });
  desk.form('/devices/:id/forget', { ...FRESH, on: `${LIST}/:id/forget` }, (call) =>
    apply(call, { kind: 'forget', id: idOf(call) }, 'device-forgotten'),
  );

  desk.page('/devices/:id/ask-again', FRESH, async (call) => {
    const device = await find(call);
    ask(call, device?.trustedUntil && { kind: 'distrust', device });
  });
  desk.form('/devices/:id/ask-again', { ...FRESH, on: `${LIST}/:id/ask-again` }, (call) =>
    apply(call, { kind: 'distrust', id: idOf(call) }, 'device-distrusted'),
  );
}

const idOf = ({ ctx }: Call): string => String(ctx.params.id);
