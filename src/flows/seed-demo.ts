/**
 * The demo shop: resource servers, clients and people with secrets made at that moment. Done
 * once per database by whichever node comes first; what was made is kept sealed beside it, so
 * that every node can write the same `demo.json`.
 */
import { ADMIN_AUDIENCE, adminScopes } from '../domain/access/index.js';
import { newBearerValue } from '../kernel/ids.js';
import type { BrandClient } from './brand-client.js';
import type { CreateAccount } from './create-account.js';
import {
  type DemoSecrets,
  demoBrands,
  demoClients,
  demoPeople,
  demoResources,
} from './demo-shop.js';
import type { FlowParts } from './domain.js';
import type { RegisterClient } from './register-client.js';

export type SeedDemo = () => Promise<DemoSecrets>;

/** Where the outcome of a seed is kept. */
export type MilestoneStore = {
  find(name: string): Promise<Uint8Array | undefined>;
  /** Runs `work` alone of its name, over all nodes. */
  exclusively<T>(name: string, work: () => Promise<T>): Promise<T>;
  set(name: string, sealed: Uint8Array): Promise<void>;
};

const NAME = 'demo-seed';

export function createSeedDemo(parts: {
  readonly flows: FlowParts;
  readonly createAccount: CreateAccount;
  readonly registerClient: RegisterClient;
  readonly brandClient: BrandClient;
  readonly milestones: MilestoneStore;
  readonly seal: (text: string) => Uint8Array;
  readonly open: (box: Uint8Array) => string;
}): SeedDemo {
  const { createAccount, registerClient, brandClient, milestones } = parts;
  const read = async (): Promise<DemoSecrets | undefined> => {
    const sealed = await milestones.find(NAME);
    return sealed && (JSON.parse(parts.open(sealed)) as DemoSecrets);
  };

  return async () => {
    const known = await read();
    if (known) return known;
    return milestones.exclusively(NAME, async () => {
      const made = await read();
      if (made) return made;
      const secrets = await fillShop();
      await milestones.set(NAME, parts.seal(JSON.stringify(secrets)));
      await parts.flows.transact(({ audit }) =>
        audit.record({ event: 'demo_seeded', result: 'success', actor: { kind: 'system' } }),
      );
      return secrets;
    });
  };

  async function fillShop(): Promise<DemoSecrets> {
    await parts.flows.transact(async ({ access }) => {
      for (const resource of demoResources) {
        // A seed that was killed half way is taken up again.
        if (await access.findResourceServer(resource.indicator)) continue;
        await access.createResourceServer(resource);
      }
      if (!(await access.findResourceServer(ADMIN_AUDIENCE))) {
        await access.createResourceServer({
          indicator: ADMIN_AUDIENCE,
          name: 'Latchkey administration',
          format: 'opaque',
          scopes: Object.entries(adminScopes).map(([name, description]) => ({ name, description })),
        });
      }
    });

    const clientSecrets: Record<string, string> = {};
    for (const registration of demoClients) {
      const { id } = registration.client;
      const registered = await registerClient({ ...registration, actor: { kind: 'system' } });
      if (registered.kind === 'invalid') throw new Error(registered.faults.join('; '));
      const secret =
        registered.kind === 'registered' ? registered.secret : await replaceSecrets(id);
      if (secret) clientSecrets[id] = secret;
    }
    for (const [clientId, draft] of Object.entries(demoBrands)) {
      const administrator = { kind: 'system' } as const;
      const branded = await brandClient({ administrator, clientId, draft, origin: {} });
      if (branded.kind !== 'changed') throw new Error(JSON.stringify(branded));
    }

    const passwords: Record<string, string> = {};
    const totpSecrets: Record<string, string> = {};
    for (const [name, person] of Object.entries(demoPeople)) {
      const password = newBearerValue(120);
      const created = await createAccount({
        ...person,
        password,
        generated: true,
        actor: { kind: 'system' },
      });
      if (created.kind === 'invalid') throw new Error(JSON.stringify(created));
      const secret =
        created.kind === 'created' ? created.totpSecret : await replaceProofs(person, password);
      if (secret) totpSecrets[name] = secret;
      passwords[name] = password;
    }
    return { clientSecrets, passwords, totpSecrets };
  }

  /** Nobody has seen the secrets of a seed that did not end: they are made anew. */
  async function replaceSecrets(clientId: string): Promise<string | undefined> {
    return parts.flows.transact(async ({ clients }) => {
      const client = await clients.find(clientId);
      if (!client?.authMethod.startsWith('client_secret')) return undefined;
      for (const secret of client.secrets) await clients.removeSecret(clientId, secret.id);
      const issued = await clients.issueSecret(clientId);
      return issued.kind === 'issued' ? issued.secret : undefined;
    });
  }

  async function replaceProofs(
    { email, withTotp }: { email: string; withTotp?: boolean },
    password: string,
  ): Promise<string | undefined> {
    const hash = await parts.flows.domain.credentials.hashPassword(password);
    return parts.flows.transact(async ({ identity, credentials }) => {
      const account = await identity.findByLogin(email);
      if (!account) return undefined;
      await credentials.setPasswordHash(account.id, hash);
      return withTotp ? (await credentials.provideTotp(account.id)).secret : undefined;
    });
  }
}
