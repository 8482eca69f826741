/** What the global set-up hands to the tests and to the reporter. */

/** Something that could not be had on this machine, and the one line that would change it. */
export type Missing = { readonly what: string; readonly remedy: string };

export type ProvidedServices = {
  /** Connection string of the maintenance database, for creating and dropping others. */
  readonly postgresUrl: string;
  /** The migrated database that others are copied from. */
  readonly templateDatabase: string;
  /** What the copies of the demo shop are sealed under, as `LATCHKEY_KEYRING` names it. */
  readonly demoKeyring: string;
  /** Null when there is no Redis on this machine. */
  readonly redisUrl: string | null;
  readonly missing: readonly Missing[];
};

declare module 'vitest' {
  interface ProvidedContext {
    services: ProvidedServices;
  }
}
