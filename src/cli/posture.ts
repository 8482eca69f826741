/** `latchkey posture`: what weakens this installation, as a list. */
import { type Command, done, readArguments, table } from './command.js';

export const postureCommand: Command = {
  name: 'posture',
  usage: '[options]',
  summary: 'List what weakens this installation: clients, secrets and settings',
  options: [
    { flag: '--strict', meaning: 'Exit code 1 when there is a warning (notes are choices)' },
    { flag: '--json', meaning: 'Machine-readable output' },
  ],
  prepare(args) {
    const { values } = readArguments(
      args,
      { strict: { type: 'boolean' } },
      { min: 0, max: 0, what: 'nothing else' },
    );
    return async ({ flows }) => {
      const findings = await flows.checkPosture();
      const warnings = findings.filter(({ level }) => level === 'warning').length;
      const outcome = done(
        findings,
        ...(findings.length > 0
          ? table(
              ['LEVEL', 'FINDING', 'SUBJECT', 'WHICH'],
              findings.map(({ level, code, subject, says }) => [level, code, subject, says]),
            )
          : []),
        `Warnings: ${warnings}, notes: ${findings.length - warnings}`,
      );
      return values.strict && warnings > 0 ? { ...outcome, exitCode: 1 } : outcome;
    };
  },
};
