/** What the posture check can find. `warning` is to be mended; `note` is a choice to know about. */
export type Finding = {
  readonly level: 'warning' | 'note';
  readonly code: string;
  /** A client's id, or the name of a setting. */
  readonly subject: string;
  readonly says: string;
};

export const warning = (code: string, subject: string, says: string): Finding => ({
  level: 'warning',
  code,
  subject,
  says,
});
export const note = (code: string, subject: string, says: string): Finding => ({
  level: 'note',
  code,
  subject,
  says,
});
