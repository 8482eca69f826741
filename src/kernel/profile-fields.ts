/** What a person can say of themself, by the names of settings, forms and claims (OIDC Core 5.1). */
export const profileFields = ['name', 'given_name', 'family_name', 'phone', 'locale'] as const;
export type ProfileField = (typeof profileFields)[number];
