import type { CloudWatchClient } from '@aws-sdk/client-cloudwatch';
import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import type { Clock } from '../core/clock.ts';
import type { ControlTable } from '../core/control-table.ts';
import type { TaskEnvironment } from '../core/task-environment.ts';
import type { Logger } from './log.ts';

/** What a process gives its task, whether that is a worker or a probe. */
export interface TaskContext {
  readonly task: TaskEnvironment;
  /** The client for the user's table; `assertMaySend` throws when the authority is over. */
  readonly dataPlane: (assertMaySend: () => void) => DynamoDBClient;
  readonly controlTable: ControlTable;
  /** The control table over separate connections, for the heartbeats. */
  readonly heartbeats?: ControlTable;
  readonly cloudWatch: CloudWatchClient;
  readonly clock: Clock;
  readonly log: Logger;
  /** Aborts with TerminationRequested. */
  readonly stop: AbortController;
}
