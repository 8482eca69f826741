/** Hashes as the server does, without a process of its own for every file of tests. */
import type { PasswordHasher } from '../../src/domain/credentials/index.js';
import { loadArgon2 } from '../../src/platform/argon2-binding.js';
import { defaultArgon2Parameters, unmatchablePhc } from '../../src/platform/argon2-phc.js';

export async function openHasher(): Promise<PasswordHasher> {
  const { hash, verify } = await loadArgon2();
  return {
    hash: (password) => hash(password, defaultArgon2Parameters),
    verify,
    needsRehash: () => false,
    dummyHash: unmatchablePhc(defaultArgon2Parameters),
  };
}
