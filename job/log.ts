import { type Logger, pino } from 'pino';

export type { Logger } from 'pino';

/** JSON lines on stdout, each with run and launch. A child logger adds the segment. */
export function createLog(fields: { run: string; launch: string }): Logger {
  return pino(
    {
      base: fields,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: label => ({ level: label }) },
      messageKey: 'message',
      errorKey: 'error',
    },
    pino.destination({ dest: 1, sync: true }),
  );
}
