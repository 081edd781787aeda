import type { Argv } from 'yargs';

type Example = readonly [command: string, meaning: string];

/** Examples in the help of each command. */
const EXAMPLES = {
  run: [
    ['$0 --segments 32', 'the table stuff, attribute test, value 1, by the stack fleetfill'],
    ['$0 --table orders --attribute version --value 2 --max-write-rate 500', 'with a budget'],
    ['$0 --table orders --attribute version --dry-run', 'everything but the writes'],
    ['$0 --table orders --attribute version --limit 100', 'a canary: 100 items, verified'],
    ['$0 --table orders --attribute version --max-cost 20', 'stops before it has cost more'],
  ],
  plan: [
    ['$0 plan --table orders --attribute version', 'before anything else'],
    ['$0 plan --table orders --deployed-at 2026-11-01T12:00:00Z', 'do live writers set it since then?'],
    ['$0 plan --table orders --format md > change.md', 'a change ticket'],
  ],
  doctor: [
    ['$0 doctor', 'all that a run needs'],
    ['$0 doctor --task', 'and by one task, with its own role'],
  ],
  resume: [
    ['$0 resume 20261124071218-1a2b3c', 'after Ctrl-C, a pause, a stop or a crash'],
    ['$0 resume 20261124071218-1a2b3c --max-cost 40', 'and let it cost more'],
  ],
  status: [
    ['$0 status', 'the newest run'],
    ['$0 status 20261124071218-1a2b3c --watch', 'until it ends'],
  ],
  pause: [['$0 pause 20261124071218-1a2b3c', 'no task can write when it returns']],
  cancel: [['$0 cancel 20261124071218-1a2b3c', 'for good; what was written stays']],
  rate: [['$0 rate 20261124071218-1a2b3c --max-write-rate 200', 'in force within a heartbeat']],
  failures: [
    ['$0 failures 20261124071218-1a2b3c', 'which items, and why'],
    ['$0 failures 20261124071218-1a2b3c --retry', 'when their cause is mended'],
  ],
  dashboard: [['$0 dashboard 20261124071218-1a2b3c', 'a page on this machine']],
  report: [['$0 report 20261124071218-1a2b3c', 'one file with the evidence']],
  verify: [
    ['$0 verify --table orders --attribute version', 'at any time; writes nothing'],
    ['$0 verify --table orders --max-read-rate 200', 'slowly'],
  ],
  local: [
    ['$0 local > stack.env', 'then: . ./stack.env'],
    ['$0 local ./database --write-capacity 500', 'kept in a folder, and slow'],
  ],
} satisfies Record<string, readonly Example[]>;

export type CommandName = keyof typeof EXAMPLES;

export const COMMANDS = Object.keys(EXAMPLES) as CommandName[];

/** Each example on a line of its own, to be copied: the parser's own table breaks long ones in the middle. */
export function withExamples<T>(builder: Argv<T>, command: CommandName): Argv<T> {
  const lines = EXAMPLES[command].flatMap(([line, meaning]) => [`  # ${meaning}`, `  ${line}`]);
  return builder.epilogue(['Examples:', ...lines].join('\n'));
}
