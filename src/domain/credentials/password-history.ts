/**
 * How far back a password counts as used. Five in all: the present one and the four before it
 * (PCI DSS 8.3.7 asks for the last four). More hashes kept are more hashes to lose.
 */
export const HISTORY_KEPT = 4;
