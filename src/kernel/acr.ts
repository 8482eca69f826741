/** How a log-in was, by name: what `acr` says and what clients and APIs may ask for (RFC 9470). */
export const ACR_ONE_FACTOR = 'urn:latchkey:acr:1';
export const ACR_TWO_FACTORS = 'urn:latchkey:acr:2';
export const ACR_PHISHING_RESISTANT = 'urn:latchkey:acr:phr';

/** From weak to strong (RFC 9470 section 3). */
export const ACR_VALUES = [ACR_ONE_FACTOR, ACR_TWO_FACTORS, ACR_PHISHING_RESISTANT] as const;

export type Acr = (typeof ACR_VALUES)[number];

/** Whether a requested value is one that can be had here at all. */
export function isAcr(value: string): value is Acr {
  return ACR_VALUES.some((acr) => acr === value);
}
