/**
 * A value that must not leak through logs, JSON, string templates or `util.inspect`.
 * The only way to the value is `reveal()`, which is easy to search for.
 */
import { inspect } from 'node:util';

const REDACTED = '[secret]';

export class Secret<T = string> {
  readonly #value: T;

  constructor(value: T) {
    this.#value = value;
  }

  reveal(): T {
    return this.#value;
  }

  toString(): string {
    return REDACTED;
  }

  toJSON(): string {
    return REDACTED;
  }

  [inspect.custom](): string {
    return REDACTED;
  }
}
