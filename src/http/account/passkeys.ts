/** The pages of an owner's passkeys. What changes one takes a fresh proof. */
import { PASSKEYS_PER_ACCOUNT } from '../../domain/credentials/index.js';
import { readDeviceLabel } from '../../domain/risk/index.js';
import type { ListedPasskey, ManagePasskeys } from '../../flows/account/passkeys.js';
import { wordsIn } from '../../words/index.js';
import { allowPasskeys } from '../middleware/headers.js';
import {
  accountNewPasskeyPage,
  accountPasskeyNamePage,
  accountPasskeyQuestionPage,
} from '../views.js';
import type { Call, Desk } from './desk.js';

const HOME = '/account/authenticators';
const PASSKEYS = '/authenticators/passkeys';
const NEW = `/account${PASSKEYS}/new`;
const OPTIONS = `/account${PASSKEYS}/options`;
const FRESH = { fresh: true } as const;

type Problem = 'refused' | 'stale' | 'known' | 'too-many';

export function passkeyPages(desk: Desk, passkeys: ManagePasskeys): void {
  const showNew = (call: Call, problem?: Problem): void => {
    allowPasskeys(call.ctx);
    call.ctx.type = 'html';
    call.ctx.body = accountNewPasskeyPage({
      ...call.frame('second-step'),
      passkey: { action: NEW, options: OPTIONS, page: NEW },
      name: problem ? call.field('name').slice(0, 60) : ownWords(call),
      most: PASSKEYS_PER_ACCOUNT,
      problem,
    });
  };
  const find = async (call: Call): Promise<ListedPasskey | undefined> => {
    const passkey = await passkeys.find(call.owner, idOf(call));
    if (!passkey) call.goTo(HOME, 'nothing-left');
    return passkey;
  };

  desk.page(`${PASSKEYS}/new`, FRESH, (call) => showNew(call));
  desk.form(`${PASSKEYS}/options`, { ...FRESH, on: NEW }, async (call) => {
    call.ctx.body = await passkeys.creation(call.owner);
  });
  desk.form(`${PASSKEYS}/new`, { ...FRESH, on: NEW }, async (call) => {
    const form = { passkey: call.field('passkey'), name: call.field('name') };
    const done = await passkeys.add(call.owner, call.visitor, form);
    if (done === 'added') return call.goTo(HOME, 'passkey-added');
    if (done === 'overtaken') return call.goTo(HOME, 'changed-meanwhile');
    call.ctx.status = 422;
    return showNew(call, done);
  });

  desk.page(`${PASSKEYS}/:id/rename`, FRESH, async (call) => {
    const passkey = await find(call);
    if (!passkey) return;
    const frame = call.frame('second-step');
    call.ctx.body = accountPasskeyNamePage({ ...frame, action: call.ctx.path, passkey });
  });
  const renaming = { ...FRESH, on: `/account${PASSKEYS}/:id/rename` };
  desk.form(`${PASSKEYS}/:id/rename`, renaming, async (call) => {
    const form = { id: idOf(call), name: call.field('name') };
    switch (await passkeys.rename(call.owner, call.visitor, form)) {
      case 'renamed':
        return call.goTo(HOME, 'passkey-renamed');
      case 'gone':
        return call.goTo(HOME, 'nothing-left');
      case 'overtaken':
        return call.goTo(HOME, 'changed-meanwhile');
    }
  });

  desk.page(`${PASSKEYS}/:id/remove`, FRESH, async (call) => {
    const passkey = await find(call);
    if (!passkey) return;
    // The list says why.
    if (passkey.needed) return call.goTo(HOME);
    const frame = call.frame('second-step');
    call.ctx.body = accountPasskeyQuestionPage({ ...frame, action: call.ctx.path, passkey });
  });
  const removing = { ...FRESH, on: `/account${PASSKEYS}/:id/remove` };
  desk.form(`${PASSKEYS}/:id/remove`, removing, async (call) => {
    switch (await passkeys.remove(call.owner, call.visitor, idOf(call))) {
      case 'removed':
        return call.goTo(HOME, 'passkey-removed');
      case 'gone':
        return call.goTo(HOME, 'nothing-left');
      case 'needed':
        return call.goTo(HOME);
      case 'overtaken':
        return call.goTo(HOME, 'changed-meanwhile');
    }
  });
}

/** What this browser is called by whoever reads the page. */
const ownWords = ({ ctx, visitor }: Call): string =>
  wordsIn(ctx.state.language).device(readDeviceLabel(visitor.deviceLabel));

const idOf = ({ ctx }: Call): string => String(ctx.params.id);
