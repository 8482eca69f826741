/** An operator says whether newcomers may create an account on a client's log-in page. */
import type { FlowParts } from './domain.js';
import { createLogInPageSwitch, type LogInPageSwitch } from './log-in-page-switch.js';

export const createAllowSignUp = (parts: Pick<FlowParts, 'transact'>): LogInPageSwitch =>
  createLogInPageSwitch(parts, {
    event: 'client_sign_up_changed',
    set: (clients, id, allowed) => clients.setSelfRegistration(id, allowed),
  });
