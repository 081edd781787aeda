/**
 * Explains a command line that the parser does not understand.
 * @param message the parser's message
 * @param words the command line
 * @param commands names of all commands
 * @param options names of all options, without dashes
 */
export function explainUsage(
  message: string,
  words: readonly string[],
  commands: readonly string[],
  options: readonly string[],
): string {
  const command = words.find(word => commands.includes(word));
  const help = `See: orchestrate ${command === undefined ? '' : `${command} `}--help`;
  const [, unknown] = /^Unknown (?:arguments?|commands?): (.+)$/.exec(message) ?? [];
  if (unknown !== undefined)
    return [...explainUnknown(unknown, words, commands, options, command), help].join('\n');
  const [, valueless] = /^Not enough arguments following: (.+)$/.exec(message) ?? [];
  if (valueless !== undefined) return `--${valueless} needs a value.\n${help}`;
  if (message.startsWith('Not enough non-option arguments')) {
    return `Name the run: orchestrate ${command ?? 'status'} RUN. orchestrate status shows the newest.\n${help}`;
  }
  return `${message}\n${help}`;
}

function explainUnknown(
  list: string,
  words: readonly string[],
  commands: readonly string[],
  options: readonly string[],
  command: string | undefined,
): string[] {
  // The parser names each option twice: as typed, and in the form that programs use.
  const named = list.split(', ').filter(name => words.some(word => nameOf(word) === name));
  const names = named.length > 0 ? named : list.split(', ');
  return names.map(name => {
    const bare = words.includes(name);
    const close = nearest(name, bare ? commands : options);
    const what = bare ? `There is no command ${name}.` : `There is no option --${name}.`;
    if (close === name) return `orchestrate ${command ?? 'run'} takes no option --${name}.`;
    if (close === undefined) return bare ? `${what} There are ${commands.join(', ')}.` : what;
    return `${what} Did you mean ${bare ? '' : '--'}${close}?`;
  });
}

/** `--max-cost=3` is `max-cost`. */
function nameOf(word: string): string {
  return word.replace(/^--?(no-)?/, '').replace(/=.*$/s, '');
}

/** The most similar name, if it is similar enough for its length. */
function nearest(name: string, candidates: readonly string[]): string | undefined {
  const ranked = candidates
    .map(candidate => ({ candidate, changes: distance(name, candidate) }))
    .sort((a, b) => a.changes - b.changes);
  const [best] = ranked;
  return best !== undefined && best.changes <= Math.max(2, name.length / 3) ? best.candidate : undefined;
}

/** The number of insertions, deletions, replacements and swaps of neighbours that turn one name into the other. */
function distance(from: string, to: string): number {
  const rows: number[][] = [Array.from({ length: to.length + 1 }, (_, column) => column)];
  const at = (row: number, column: number) => rows[row]?.[column] ?? Number.POSITIVE_INFINITY;
  for (let row = 1; row <= from.length; row++) {
    rows.push([row]);
    for (let column = 1; column <= to.length; column++) {
      const same = from[row - 1] === to[column - 1];
      const swapped = from[row - 1] === to[column - 2] && from[row - 2] === to[column - 1];
      rows[row]?.push(
        Math.min(
          at(row - 1, column) + 1,
          at(row, column - 1) + 1,
          at(row - 1, column - 1) + (same ? 0 : 1),
          swapped ? at(row - 2, column - 2) + 1 : Number.POSITIVE_INFINITY,
        ),
      );
    }
  }
  return at(from.length, to.length);
}
