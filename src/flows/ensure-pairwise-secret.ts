/**
 * The secret behind pairwise subjects: made once per database by whichever node comes first, and
 * kept sealed in it, so that neither a new keyring nor a restored backup renames anybody.
 */
import { randomBytes } from 'node:crypto';
import type { MilestoneStore } from './seed-demo.js';

const NAME = 'pairwise-secret';

export type EnsurePairwiseSecret = () => Promise<Uint8Array>;

export function createEnsurePairwiseSecret(parts: {
  readonly milestones: MilestoneStore;
  readonly seal: (text: string) => Uint8Array;
  readonly open: (box: Uint8Array) => string;
}): EnsurePairwiseSecret {
  const read = async () => {
    const sealed = await parts.milestones.find(NAME);
    return sealed && new Uint8Array(Buffer.from(parts.open(sealed), 'base64'));
  };
  return async () =>
    (await read()) ??
    (await parts.milestones.exclusively(NAME, async () => {
      const made = await read();
      if (made) return made;
      const secret = new Uint8Array(randomBytes(32));
      await parts.milestones.set(NAME, parts.seal(Buffer.from(secret).toString('base64')));
      return secret;
    }));
}
