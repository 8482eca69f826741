/** The one place that touches the process's environment; everything else gets a value. */
import type { Environment } from './reader.js';

export function processEnvironment(): Environment {
  return process.env;
}
