/** Reads environment variables one by one and collects every fault instead of the first. */

export type Environment = Readonly<Record<string, string | undefined>>;

export type Reader = {
  /** The trimmed value, or undefined when unset or empty. */
  text(name: string): string | undefined;
  integer(name: string, range: { min: number; max: number }, fallback: number): number;
  oneOf<const T extends string>(name: string, values: readonly T[], fallback: T): T;
  /** Parses with `parse`; a thrown message becomes a fault and `fallback` the value. */
  parsed<T>(name: string, parse: (value: string) => T, fallback: T): T;
  fault(name: string, message: string): void;
};

/** A reader over `env` which appends what is wrong to `faults`. */
export function createReader(env: Environment, faults: string[]): Reader {
  const text = (name: string) => env[name]?.trim() || undefined;
  const fault = (name: string, message: string) => {
    faults.push(`${name} ${message}`);
  };
  return {
    text,
    fault,
    integer(name, { min, max }, fallback) {
      const value = text(name);
      if (value === undefined) return fallback;
      const number = Number(value);
      if (!/^\d+$/.test(value) || number < min || number > max) {
        fault(name, `must be a whole number from ${min} to ${max}, not "${value}"`);
        return fallback;
      }
      return number;
    },
    oneOf(name, values, fallback) {
      const value = text(name);
      if (value === undefined) return fallback;
      const found = values.find((candidate) => candidate === value);
      if (found === undefined) {
        fault(name, `must be one of ${values.join(', ')}, not "${value}"`);
        return fallback;
      }
      return found;
    },
    parsed(name, parse, fallback) {
      const value = text(name);
      if (value === undefined) return fallback;
      try {
        return parse(value);
      } catch (error) {
        fault(name, error instanceof Error ? error.message : 'is not valid');
        return fallback;
      }
    },
  };
}
