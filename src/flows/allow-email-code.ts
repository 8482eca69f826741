/** An operator says whether shoppers may sign in at a client with a code by e-mail. */
import type { FlowParts } from './domain.js';
import { createLogInPageSwitch, type LogInPageSwitch } from './log-in-page-switch.js';

export const createAllowEmailCode = (parts: Pick<FlowParts, 'transact'>): LogInPageSwitch =>
  createLogInPageSwitch(parts, {
    event: 'client_email_code_changed',
    set: (clients, id, allowed) => clients.setEmailCode(id, allowed),
  });
