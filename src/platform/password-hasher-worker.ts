/**
 * The hashing process: takes tasks from its parent over IPC, one thread-pool thread each,
 * and answers. It is a process of its own because four hashes in flight inside the server
 * cut everything beside them to a twentieth, and Node cannot lower the priority of a thread.
 * It lives exactly as long as the channel to its parent.
 */
import { type Argon2Binding, loadArgon2 } from './argon2-binding.js';
import {
  type HashingAnswer,
  type HashingGreeting,
  type HashingRequest,
  isHashingRequest,
} from './password-hasher-protocol.js';

// Ctrl-C reaches every process of the terminal's group, and a service manager signals every
// process of a service: the parent drains first, and log-ins in flight need this process.
process.on('SIGINT', () => {});
process.on('SIGTERM', () => {});

// The parent closed the channel or is gone, be it by kill -9: an orphan must not stay.
process.on('disconnect', () => process.exit(0));

try {
  const binding = await loadArgon2();
  process.on('message', (message: unknown) => {
    if (isHashingRequest(message)) void answer(binding, message).then((reply) => say(reply));
  });
  say({ kind: 'ready', library: binding.library });
} catch (error) {
  say({ kind: 'unusable', reason: messageOf(error) }, () => process.exit(1));
}

// The parent may have died before anything above listened for it.
if (!process.connected) process.exit(0);

async function answer(binding: Argon2Binding, request: HashingRequest): Promise<HashingAnswer> {
  const { id, task } = request;
  try {
    switch (task.kind) {
      case 'hash':
        return { kind: 'hashed', id, phc: await binding.hash(task.password, task.parameters) };
      case 'verify':
        return { kind: 'verified', id, matches: await binding.verify(task.phc, task.password) };
    }
  } catch (error) {
    return { kind: 'failed', id, reason: messageOf(error) };
  }
}

function say(message: HashingAnswer | HashingGreeting, sent: () => void = () => {}): void {
  // A failed write means the channel is closing, and 'disconnect' ends the process then.
  process.send?.(message, undefined, undefined, sent);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
