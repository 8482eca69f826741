/** Why a password is refused, in the words of the page on which it was chosen. */
import type { PasswordFault } from '../../domain/credentials/index.js';
import { DEFAULT_LANGUAGE } from '../../kernel/language.js';
import { type Words, wordsIn } from '../../words/index.js';
import type { PageProps } from './render.js';

/** One sentence a fault, plain text. */
export function faultSentences(faults: readonly PasswordFault[], { language }: PageProps) {
  const { t } = wordsIn(language ?? DEFAULT_LANGUAGE);
  return faults.map((fault) => sentenceOf(fault, t));
}

function sentenceOf(fault: PasswordFault, t: Words['t']): string {
  switch (fault.code) {
    case 'too-short':
      return t('page.password-too-short', { least: fault.least });
    case 'too-long':
      return t('page.password-too-long', { most: fault.most });
    case 'common':
      return t('page.password-common');
    case 'contains-context':
      return t('page.password-contains-context');
    case 'weak':
      return t('page.password-weak');
    case 'reused':
      return t('page.password-reused');
    case 'breached':
      return t('page.password-breached');
  }
}
