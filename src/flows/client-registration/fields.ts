/** The members of a registration's body, each read as what it must be. */

/** A member is not what it must be; the message names it. */
export class Misfit extends Error {
  readonly field: string;

  constructor(field: string, what: string) {
    super(`${field} ${what}`);
    this.field = field;
  }
}

const MOST = 20;
const LONGEST = 2_000;

export type Fields = ReturnType<typeof fieldsOf>;

/** What is null counts as left out (RFC 7592 section 2.2). */
export function fieldsOf(body: object) {
  const members = new Map(Object.entries(body).filter(([, value]) => value !== null));
  const isText = (value: unknown): value is string =>
    typeof value === 'string' && value !== '' && value.length <= LONGEST;

  return {
    names: (): string[] => [...members.keys()],
    has: (name: string): boolean => members.has(name),
    raw: (name: string): unknown => members.get(name),

    text(name: string): string | undefined {
      const value = members.get(name);
      if (value === undefined || isText(value)) return value;
      throw new Misfit(name, `must be a text of up to ${LONGEST} characters`);
    },

    texts(name: string): string[] | undefined {
      const value = members.get(name);
      if (value === undefined) return undefined;
      if (Array.isArray(value) && value.length <= MOST && value.every(isText)) return [...value];
      throw new Misfit(name, `must be a list of up to ${MOST} texts`);
    },

    flag(name: string): boolean | undefined {
      const value = members.get(name);
      if (value === undefined || typeof value === 'boolean') return value;
      throw new Misfit(name, 'must be true or false');
    },

    oneOf<const T extends string>(name: string, known: readonly T[]): T | undefined {
      const value = members.get(name);
      if (value === undefined) return undefined;
      const found = known.find((candidate) => candidate === value);
      if (found === undefined) throw new Misfit(name, `must be one of ${known.join(', ')}`);
      return found;
    },
  };
}
