/** The browser in front of us, as flows know it. */
import { describeUserAgent } from '../domain/risk/index.js';
import type { Visitor } from '../flows/sign-in/index.js';
import { type AppContext, originOf } from './context.js';
import type { DeviceCookie } from './device-cookie.js';

export function visitorOf(ctx: AppContext, devices: Pick<DeviceCookie, 'read'>): Visitor {
  return {
    origin: { ...originOf(ctx), ip: ctx.state.ip },
    deviceTokens: devices.read(ctx),
    deviceLabel: describeUserAgent(ctx.get('User-Agent')),
    language: ctx.state.language,
  };
}
