/**
 * Two argon2 libraries behind one face. `@node-rs/argon2` is about three times as fast, but
 * exists only where its prebuild loads; `argon2` carries the reference code and can be
 * compiled anywhere. Each verifies what the other wrote, so a deployment may change
 * platform without asking anybody for a new password.
 */
import { randomBytes } from 'node:crypto';
import { type Argon2Parameters, HASH_BYTES, SALT_BYTES } from './argon2-phc.js';

export type Argon2Library = 'node-rs' | 'argon2';

export type Argon2Binding = {
  readonly library: Argon2Library;
  /** Hashes with a fresh salt; the answer is a PHC string. */
  hash(password: string, parameters: Argon2Parameters): Promise<string>;
  /** Whether the password is the one hashed. Throws only when the library itself fails. */
  verify(phc: string, password: string): Promise<boolean>;
};

// The library's enum is ambient and `const`, which isolated modules cannot read.
const ARGON2ID = 2;

/** The Rust implementation, where its prebuild loads. */
export async function loadNodeRs(): Promise<Argon2Binding> {
  const { hash, verify } = await import('@node-rs/argon2');
  return {
    library: 'node-rs',
    hash: (password, parameters) =>
      hash(utf8(password), {
        ...parameters,
        algorithm: ARGON2ID,
        outputLen: HASH_BYTES,
        salt: randomBytes(SALT_BYTES),
      }),
    verify: (phc, password) => verify(phc, utf8(password)),
  };
}

/** The reference implementation in C. */
export async function loadReference(): Promise<Argon2Binding> {
  const { argon2id, hash, verify } = await import('argon2');
  return {
    library: 'argon2',
    hash: (password, parameters) =>
      hash(utf8(password), {
        ...parameters,
        type: argon2id,
        hashLength: HASH_BYTES,
        salt: randomBytes(SALT_BYTES),
      }),
    verify: (phc, password) => verify(phc, utf8(password)),
  };
}

/** The first library that loads *and* computes; throws one error naming every failure. */
export async function loadArgon2(
  loaders: ReadonlyArray<() => Promise<Argon2Binding>> = [loadNodeRs, loadReference],
): Promise<Argon2Binding> {
  const failures: unknown[] = [];
  for (const load of loaders) {
    try {
      const binding = await load();
      await provesItself(binding);
      return binding;
    } catch (error) {
      failures.push(error);
    }
  }
  const reasons = failures.map((error) => (error instanceof Error ? error.message : String(error)));
  throw new AggregateError(failures, `no argon2 library works here: ${reasons.join('; ')}`);
}

/** A prebuild for the wrong libc may load and then fail: better found now than at a log-in. */
async function provesItself(binding: Argon2Binding): Promise<void> {
  const cheapest = { memoryCost: 8, timeCost: 1, parallelism: 1 };
  const phc = await binding.hash('right', cheapest);
  if (!(await binding.verify(phc, 'right')) || (await binding.verify(phc, 'wrong'))) {
    throw new Error(`${binding.library} does not tell a right password from a wrong one`);
  }
}

function utf8(text: string): Buffer {
  return Buffer.from(text, 'utf8');
}
