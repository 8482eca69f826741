/**
 * The posture check: what an operator has allowed that weakens the whole, from what stands in
 * the settings and the database. It reads; it changes nothing and asks nobody outside.
 */
import type { Client } from '../../domain/clients/index.js';
import type { Clock } from '../../kernel/clock.js';
import type { Domain } from '../domain.js';
import { clientFindings, selfRegisteredFindings } from './clients.js';
import type { Finding } from './findings.js';
import { type PostureSettings, settingsFindings } from './settings.js';

export type { Finding } from './findings.js';
export type CheckPosture = () => Promise<Finding[]>;

const PAGE = 100;

/** @returns the findings, warnings first, each with the client or the setting it is about */
export function createCheckPosture(parts: {
  domain: Pick<Domain, 'clients' | 'access' | 'clientRegistrations'>;
  clock: Clock;
  settings: PostureSettings;
}): CheckPosture {
  const { clients, access, clientRegistrations } = parts.domain;
  return async () => {
    const now = parts.clock.now();
    const found = settingsFindings(parts.settings);
    const unseen: Client[] = [];
    for (let after: string | undefined, more = true; more; ) {
      const page = await clients.list({ limit: PAGE, ...(after ? { after } : {}) });
      const registered = await clientRegistrations.listSelfRegistered(page.map(({ id }) => id));
      unseen.push(...page.filter(({ id }) => registered.has(id)));
      for (const { id } of page) {
        const [client, rights] = await Promise.all([clients.find(id), access.rightsOf(id)]);
        if (client) found.push(...clientFindings(client, rights, now));
      }
      after = page.at(-1)?.id;
      more = page.length === PAGE;
    }
    found.push(...selfRegisteredFindings(unseen));
    const rank = ({ level }: Finding) => (level === 'warning' ? 0 : 1);
    return found.sort((a, b) => rank(a) - rank(b));
  };
}
