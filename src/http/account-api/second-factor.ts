/** Operations on the authenticator app and the recovery codes that stand in for it. */
import { z } from 'zod';
import type { Owner } from '../../flows/account/owner.js';
import type { ManageSecondFactor } from '../../flows/account/second-factor.js';
import { AppError } from '../../kernel/errors.js';
import { type Operation, operation } from './operation.js';
import { badField, conflict, conflicts } from './refusals.js';
import { moment, when } from './shapes.js';

const state = z.strictObject({
  since: moment.nullable().describe('Null when there is no authenticator app'),
  required: z.boolean().describe('Staff cannot do without'),
  recoveryCodesLeft: z.int().min(0),
  codesWaiting: z
    .boolean()
    .describe('New recovery codes were made with this token and not yet seen'),
});

const enrolment = z.strictObject({
  secret: z.string().describe('Base32, for people who type it'),
  otpauthUri: z.string().describe('For a QR code, which belongs on the screen and nowhere else'),
  qrSvg: z.string().describe('That QR code, as SVG'),
});

const codes = z.strictObject({
  recoveryCodes: z.array(z.string()).describe('Each is good once; they replace all from before'),
});

const code = z.strictObject({ code: z.string().max(32) });

const PATH = '/second-factor';
const CODES = '/recovery-codes';
const change = { scope: 'account:write', fresh: true } as const;

export function secondFactorOperations(factor: ManageSecondFactor): readonly Operation[] {
  const shown = async (owner: Owner) => {
    const recoveryCodes = await factor.waitingCodes(owner);
    // Made and gone: they were acknowledged by another request with this token.
    if (!recoveryCodes) throw conflict('overtaken');
    return { recoveryCodes: [...recoveryCodes] };
  };

  return [
    operation({
      method: 'get',
      path: PATH,
      id: 'getSecondFactor',
      summary: 'Whether there is an authenticator app',
      scope: 'account:read',
      fresh: false,
      answer: { description: 'The second factor as it is', shape: state },
      async work({ owner }) {
        const { since, required, codesLeft, codesWaiting } = await factor.look(owner);
        return { since: when(since), required, recoveryCodesLeft: codesLeft, codesWaiting };
      },
    }),
    operation({
      ...change,
      method: 'post',
      path: `${PATH}/enrolment`,
      id: 'beginSecondFactor',
      summary: 'Begin to set up an authenticator app; again gives the same key for half an hour',
      answer: { description: 'What the app needs; nothing is in use yet', shape: enrolment },
      refusals: { 409: conflicts('codes_waiting', 'tries_used_up') },
      async work({ owner }) {
        const begun = await factor.enrolment(owner);
        if (begun === 'codes-waiting') throw conflict('codes_waiting');
        if (begun === 'void') throw conflict('tries_used_up');
        const { secret, otpauthUri, qrSvg } = begun;
        return { secret, otpauthUri, qrSvg };
      },
    }),
    operation({
      ...change,
      method: 'post',
      path: `${PATH}/confirmation`,
      id: 'confirmSecondFactor',
      summary: 'Take the new app into use, in place of one from before, with a code from it',
      body: code,
      answer: { description: 'Ten recovery codes', shape: codes },
      refusals: { 409: conflicts('not_begun', 'overtaken') },
      async work({ owner, visitor, body }) {
        switch (await factor.confirmEnrolment(owner, visitor, body.code)) {
          case 'confirmed':
            return shown(owner);
          case 'wrong-code':
            throw badField('/code', 'wrong', 'This is not a code of the new app');
          case 'void':
            throw conflict('not_begun');
          case 'overtaken':
            throw conflict('overtaken');
        }
      },
    }),
    operation({
      ...change,
      method: 'delete',
      path: PATH,
      id: 'removeSecondFactor',
      summary: 'Take the authenticator app away, and its recovery codes with it',
      refusals: { 409: conflicts('required', 'overtaken') },
      async work({ owner, visitor }) {
        const done = await factor.remove(owner, visitor);
        if (done === 'required' || done === 'overtaken') throw conflict(done);
      },
    }),
    operation({
      ...change,
      method: 'post',
      path: CODES,
      id: 'replaceRecoveryCodes',
      summary: 'Make ten new recovery codes; the old ones are worth nothing from then on',
      answer: { description: 'The new ones', shape: codes },
      refusals: { 409: conflicts('no_second_factor', 'overtaken') },
      async work({ owner, visitor }) {
        const done = await factor.replaceCodes(owner, visitor);
        if (done === 'no-app') throw conflict('no_second_factor');
        if (done === 'overtaken') throw conflict('overtaken');
        return shown(owner);
      },
    }),
    // A lost answer loses nothing: until they are acknowledged, the token that made them may ask
    // for them again. Its log-in was fresh when it did.
    operation({
      method: 'get',
      path: `${CODES}/waiting`,
      id: 'getWaitingRecoveryCodes',
      summary: 'The recovery codes made with this token, until they were acknowledged',
      scope: 'account:write',
      fresh: false,
      answer: { description: 'The same as when they were made', shape: codes },
      refusals: { 404: 'None wait' },
      async work({ owner }) {
        const recoveryCodes = await factor.waitingCodes(owner);
        if (!recoveryCodes) throw new AppError('not_found');
        return { recoveryCodes: [...recoveryCodes] };
      },
    }),
    operation({
      method: 'delete',
      path: `${CODES}/waiting`,
      id: 'acknowledgeRecoveryCodes',
      summary: 'Say that the owner has kept them; they are not shown again',
      scope: 'account:write',
      fresh: false,
      work: ({ owner }) => factor.acknowledgeCodes(owner),
    }),
  ];
}
