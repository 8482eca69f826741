/** One shopper and what is theirs, for the account pages. */

export const mara = {
  person: { name: 'Mara Fernhill', email: 'mara@fernhill.example' },
  csrf: 'k2Jx0Yw1',
} as const;

export const password = {
  ...mara,
  section: 'password',
  action: '/account/password',
  minLength: 12,
  changedAt: new Date('2026-03-08T10:00:00Z'),
} as const;

export const secondStep = { ...mara, section: 'second-step' } as const;

export const device = {
  id: '6f3b0c54-5a7e-4f0e-9f57-1d4f1b6f3a10',
  label: 'Firefox on Windows',
  createdAt: new Date('2026-02-14T08:30:00Z'),
  lastSeenAt: new Date('2026-11-22T09:12:00Z'),
  here: true,
  trustedUntil: new Date('2026-12-20T09:12:00Z'),
};

export const phone = {
  ...device,
  id: '0c2f7f50-6f0b-4b55-8f6c-7f1a3f0f9b21',
  label: 'Safari on iPhone',
  lastSeenAt: new Date('2026-11-19T18:40:00Z'),
  here: false,
  trustedUntil: undefined,
};

export const laptop = {
  ...phone,
  id: '3a9d5c18-0f37-4a4e-bd0a-54c3cf5d2b7e',
  label: 'Samsung Internet on Android',
  lastSeenAt: new Date('2026-09-02T06:05:00Z'),
};

export const devices = { ...mara, section: 'devices' } as const;

export const session = {
  id: 'Zk3v',
  device: 'Firefox on Windows',
  signedInAt: new Date('2026-11-22T09:12:00Z'),
  seenAt: new Date('2026-11-22T11:40:00Z'),
  here: true,
  applications: ['Alder & Oak'],
};

export const application = {
  clientId: 'quince',
  name: 'Quince & Fig',
  since: new Date('2026-06-02T10:00:00Z'),
  identity: ['openid', 'email', 'offline_access'],
  resources: [
    {
      indicator: 'https://api.demo-shop.example/orders',
      name: 'Orders',
      scopes: [{ name: 'orders:read', description: 'See your orders' }],
    },
  ],
};

export const ownEmail = { ...mara, section: 'email', action: '/account/email', email: '' } as const;

export const addressCode = {
  ...ownEmail,
  action: '/account/email/code',
  againHref: '/account/email',
  email: 'mara.holloway@fernhill.example',
};

export const restore = {
  action: '/restore-email/ask',
  csrf: 'k2Jx0Yw1',
  email: 'mara@fernhill.example',
};

export const profile = {
  ...mara,
  section: 'profile',
  action: '/account/profile',
  email: mara.person.email,
  longest: 100,
  fields: [
    { field: 'name', value: 'Mara Quist', editable: true },
    { field: 'given_name', value: 'Mara', editable: true },
    { field: 'family_name', value: 'Quist', editable: true },
    { field: 'phone', value: '+441632960961', editable: true },
    { field: 'locale', value: '', editable: true },
  ],
} as const;

export const closing = {
  ...mara,
  section: 'profile',
  action: '/account/close',
  typed: '',
} as const;

export const nothing = { application: undefined, device: undefined, network: undefined };

export const activity = {
  ...mara,
  section: 'activity',
  first: true,
  older: 'c2VhbGVk',
  entries: [
    { ...nothing, kind: 'second-step-reset', at: new Date('2026-11-22T11:40:00Z') },
    {
      kind: 'signed-in',
      at: new Date('2026-11-22T09:12:00Z'),
      application: 'Alder & Oak',
      device: 'Firefox on Windows',
      network: '203.0.113.0/24',
    },
    {
      ...nothing,
      kind: 'password-wrong',
      at: new Date('2026-11-21T23:58:00Z'),
      application: 'Quince & Fig',
      network: '2001:db8:7::/48',
    },
    { ...nothing, kind: 'application-replayed', at: new Date('2026-11-02T10:00:00Z') },
    { ...nothing, kind: 'account-created', at: new Date('2026-06-02T10:00:00Z') },
  ],
} as const;
