/** The account pages about who is in: browsers that are signed in, applications with access. */
import { ACCOUNT_AUDIENCE } from '../../domain/access/index.js';
import { readDeviceLabel } from '../../domain/risk/index.js';
import type { OwnApplication } from '../../flows/account/applications.js';
import { formTarget, localPath } from '../links.js';
import { type AccountFrame, frameOf } from './account.js';
import { identityLabel } from './consent.js';
import { type PageProps, render } from './render.js';

export function accountSessionsPage(
  props: AccountFrame & {
    readonly sessions: readonly {
      readonly id: string;
      readonly device: string;
      readonly signedInAt: Date;
      readonly seenAt: Date;
      readonly here: boolean;
      readonly applications: readonly string[];
    }[];
  },
): string {
  return render('account/sessions', props, {
    ...frameOf(props),
    sessions: props.sessions.map((session) => ({
      device: readDeviceLabel(session.device),
      signedInAt: session.signedInAt,
      seenAt: session.seenAt,
      here: session.here,
      applications: session.applications,
      endAction: formTarget(`/account/sessions/${session.id}/end`),
    })),
    everywhereHref: localPath('/account/sessions/everywhere'),
    othersAction: props.sessions.some(({ here }) => !here)
      ? formTarget('/account/sessions/others/end')
      : undefined,
  });
}

export function accountEverywherePage(props: AccountFrame & { readonly action: string }): string {
  return render('account/everywhere-question', props, {
    ...frameOf(props),
    action: formTarget(props.action),
  });
}

export function accountSignedOutPage(props: PageProps): string {
  return render('account/everywhere-done', props, {});
}

export type ApplicationRow = OwnApplication;

function applicationOf(application: ApplicationRow) {
  return {
    name: application.name,
    since: application.since,
    identity: application.identity
      .filter((scope) => scope !== 'offline_access')
      .map((scope) => ({ scope, labelKey: identityLabel(scope) })),
    offline: application.identity.includes('offline_access'),
    resources: application.resources.map((resource) => ({
      ...resource,
      // What it can do is said in our own words, and in the reader's language.
      account: resource.indicator === ACCOUNT_AUDIENCE,
    })),
    removeHref: localPath(
      `/account/applications/${encodeURIComponent(application.clientId)}/remove`,
    ),
  };
}

export function accountApplicationsPage(
  props: AccountFrame & { readonly applications: readonly ApplicationRow[] },
): string {
  return render('account/applications', props, {
    ...frameOf(props),
    applications: props.applications.map(applicationOf),
  });
}

export function accountApplicationQuestionPage(
  props: AccountFrame & { readonly action: string; readonly application: ApplicationRow },
): string {
  return render('account/application-question', props, {
    ...frameOf(props),
    action: formTarget(props.action),
    application: applicationOf(props.application),
  });
}
