/** The command line's view of the program: reads of the domain, and the flows it may start. */
import type { BrandClient } from '../flows/brand-client.js';
import type { ChangeScopeDemand } from '../flows/change-scope-demand.js';
import type { ChangeStatus } from '../flows/change-status.js';
import type { RemoveClient } from '../flows/client-registration/remove.js';
import type {
  IssueRegistrationToken,
  RevokeRegistrationToken,
} from '../flows/client-registration/tokens.js';
import type { ConfigureClient } from '../flows/configure-client.js';
import type { CreateAccount } from '../flows/create-account.js';
import type { CreateResourceServer } from '../flows/create-resource-server.js';
import type { Domain } from '../flows/domain.js';
import type { GrantScopes } from '../flows/grant-scopes.js';
import type { IssueClientSecret } from '../flows/issue-client-secret.js';
import type { LogInPageSwitch } from '../flows/log-in-page-switch.js';
import type { ResetSecondFactor } from '../flows/lost-factor/reset.js';
import type { StopReset } from '../flows/lost-factor/stop.js';
import type { MapClaim, UnmapClaim } from '../flows/map-claim.js';
import type { CheckPosture } from '../flows/posture/index.js';
import type { RegisterClient } from '../flows/register-client.js';
import type { RevokeAccess } from '../flows/revoke-access.js';
import type { RevokeSigningKeys } from '../flows/revoke-signing-keys.js';
import type { RotateSigningKeys } from '../flows/rotate-signing-keys.js';
import type { UnlockAccount } from '../flows/unlock-account.js';

/** What commands work with. */
export type CliCore = {
  readonly domain: Domain;
  readonly flows: {
    readonly createAccount: CreateAccount;
    readonly changeAccountStatus: ChangeStatus;
    readonly changeClientStatus: ChangeStatus;
    readonly brandClient: BrandClient;
    readonly revokeAccess: RevokeAccess;
    readonly unlockAccount: UnlockAccount;
    readonly resetSecondFactor: ResetSecondFactor;
    readonly stopReset: StopReset;
    readonly registerClient: RegisterClient;
    readonly mapClaim: MapClaim;
    readonly unmapClaim: UnmapClaim;
    readonly configureClient: ConfigureClient;
    readonly issueRegistrationToken: IssueRegistrationToken;
    readonly revokeRegistrationToken: RevokeRegistrationToken;
    readonly removeClient: RemoveClient;
    readonly allowSignUp: LogInPageSwitch;
    readonly allowEmailCode: LogInPageSwitch;
    readonly grantScopes: GrantScopes;
    readonly issueClientSecret: IssueClientSecret;
    readonly createResourceServer: CreateResourceServer;
    readonly changeScopeDemand: ChangeScopeDemand;
    readonly rotateSigningKeys: RotateSigningKeys;
    readonly revokeSigningKeys: RevokeSigningKeys;
    readonly checkPosture: CheckPosture;
  };
};
