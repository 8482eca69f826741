/**
 * JSON lines on standard output (OWASP ASVS 16.2). Only named fields are ever logged; the
 * redaction list is the second net under that, for objects somebody else built.
 */
import { type DestinationStream, type Logger, pino } from 'pino';
import type { LogLevel } from '../config/index.js';

export type { Logger } from 'pino';

const REDACTED_KEYS = [
  'password',
  'secret',
  'client_secret',
  'code',
  'token',
  'access_token',
  'refresh_token',
  'id_token',
  'authorization',
  'cookie',
  'set-cookie',
];

/** A logger with Latchkey's redaction; `pretty` needs a terminal and is meant for development. */
export function createLogger(
  options: { level: LogLevel; format: 'json' | 'pretty' },
  destination?: DestinationStream,
): Logger {
  return pino(
    {
      level: options.level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      redact: {
        paths: [
          ...REDACTED_KEYS.map((key) => `*["${key}"]`),
          ...REDACTED_KEYS.map((key) => `["${key}"]`),
        ],
        censor: '[secret]',
      },
      formatters: { level: (label) => ({ level: label }) },
    },
    destination ?? (options.format === 'pretty' ? prettyStream() : pino.destination(1)),
  );
}

/** One short line an entry: time, level, message, and the fields that are left. */
function prettyStream(): DestinationStream {
  return {
    write(line) {
      const { level, time, msg, ...rest } = JSON.parse(line) as Record<string, unknown>;
      const { err, ...fields } = rest as { err?: { stack?: string } };
      const extras = Object.entries(fields).map(
        ([key, value]) => `${key}=${JSON.stringify(value)}`,
      );
      const clock = String(time).slice(11, 19);
      process.stdout.write(
        `${clock} ${String(level).padEnd(5)} ${String(msg ?? '')} ${extras.join(' ')}${err?.stack ? `\n${err.stack}` : ''}\n`,
      );
    },
  };
}
