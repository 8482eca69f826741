/**
 * What waits for the owner's approval: clients that ask from elsewhere, a telephone desk for one
 * (OpenID Connect CIBA). Done by whoever speaks to the protocol host (`oidc/approvals.ts`).
 */
import type { Visitor } from '../sign-in/index.js';
import type { AllowedResource } from './applications.js';
import type { Owner, StepUp } from './owner.js';

export type OwnApproval = {
  /** Names it on the pages; it opens nothing. */
  readonly id: string;
  readonly clientId: string;
  readonly clientName: string;
  /** What whoever asks has written, for the owner to compare with what they are told. */
  readonly message: string | undefined;
  readonly since: Date;
  readonly until: Date;
  /** OpenID scopes. */
  readonly identity: readonly string[];
  readonly resources: readonly AllowedResource[];
  /** What the owner's log-in lacks for what is asked; nothing if it is good enough. */
  readonly missing: StepUp | undefined;
};

/** `stop`: refused, and the client may not ask again for a while. */
export type ApprovalAnswer = 'approve' | 'refuse' | 'stop';

export type ManageApprovals = {
  /** The oldest first. */
  list(owner: Owner): Promise<readonly OwnApproval[]>;
  /** `gone`: it was answered, is over, or is somebody else's. `unproven`: see `missing`. */
  answer(
    owner: Owner,
    visitor: Visitor,
    id: string,
    answer: ApprovalAnswer,
  ): Promise<'done' | 'gone' | 'unproven'>;
};
