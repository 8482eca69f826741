/** The rules a client can be put under. */
export const profiles = ['oauth2.1', 'fapi2', 'legacy'] as const;
export type Profile = (typeof profiles)[number];
