/**
 * How long a test waits for what happens beside it (a letter, another node that hears of a
 * change). Long enough for a machine with something else to do: it costs only what fails.
 */
export const soon = { timeout: 20_000, interval: 50 } as const;
