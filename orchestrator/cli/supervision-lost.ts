import { describeError, FleetfillError } from '../../core/errors.ts';
import { nextCommand } from './next-command.ts';

/** An error has ended the supervision of a run that continues. */
export class SupervisionLostError extends FleetfillError {
  constructor(run: string, cause: unknown) {
    super(
      'SupervisionLost',
      `Nobody supervises the run any more: ${describeError(cause)}\n` +
        'The fleet continues, and slows to the unattended rate after two minutes. When the cause is fixed, take over with:\n' +
        `  ${nextCommand('resume', run)}`,
      { cause },
    );
  }
}
