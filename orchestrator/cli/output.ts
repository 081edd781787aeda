/** What a command tells: events for programs, words for people. */
export interface Output {
  /** One JSON object on stdout, with `--json`; nothing otherwise. */
  event(name: string, fields: Readonly<Record<string, unknown>>): void;
  /** A line for people, on stderr. */
  say(line: string): void;
  /** A result for people: on stdout, unless stdout is for JSON. */
  print(line: string): void;
}

/** `runId` is added to every event once there is a run. */
export function createOutput(json: boolean): Output & { setRun(runId: string): void } {
  let run: { runId: string } | undefined;
  return {
    setRun: runId => {
      run = { runId };
    },
    event: (name, fields) => {
      if (!json) return;
      process.stdout.write(
        `${JSON.stringify({ event: name, at: new Date().toISOString(), ...run, ...fields })}\n`,
      );
    },
    say: line => {
      process.stderr.write(`${line}\n`);
    },
    print: line => {
      (json ? process.stderr : process.stdout).write(`${line}\n`);
    },
  };
}
