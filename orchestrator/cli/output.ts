import { lineWriter } from './streams.ts';

/** What a command prints: events for programs and text for people. */
export interface Output {
  /** Prints one JSON object on stdout if `--json` was given. */
  event(name: string, fields: Readonly<Record<string, unknown>>): void;
  /** Prints a line for people on stderr. */
  say(line: string): void;
  /** Prints a result for people: on stdout, unless stdout is for JSON. */
  print(line: string): void;
}

/** `runId` is added to every event once there is a run. */
export function createOutput(json: boolean): Output & { setRun(runId: string): void } {
  let run: { runId: string } | undefined;
  const toStdout = lineWriter(process.stdout);
  const toStderr = lineWriter(process.stderr);
  return {
    setRun: runId => {
      run = { runId };
    },
    event: (name, fields) => {
      if (json) toStdout(JSON.stringify({ event: name, at: new Date().toISOString(), ...run, ...fields }));
    },
    say: toStderr,
    print: json ? toStderr : toStdout,
  };
}
