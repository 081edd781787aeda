/** Fits on a terminal of the usual width. */
const WIDEST_LINE = 80;

/**
 * A command in a sentence, beginning with the colon before it. It gets its own line, so that it can be copied whole.
 */
const COMMAND = /: (?=(?:aws|orchestrate) [a-z])(.+?)(\. [A-Z].*)?$/;

/** A label and its text, in lines that no terminal needs to break. */
export function row(label: string, text: string, labelColumns = 11): string {
  const [first = '', ...more] = wrap(text, WIDEST_LINE - labelColumns);
  return [label.padEnd(labelColumns) + first, ...more.map(line => ' '.repeat(labelColumns) + line)].join(
    '\n',
  );
}

function wrap(text: string, width: number): string[] {
  const [, command, rest = ''] = COMMAND.exec(text) ?? [];
  if (command === undefined) return filled(text.split(' '), width, '');
  const before = text.slice(0, text.length - command.length - rest.length - 1);
  return [
    ...filled(before.split(' '), width, ''),
    // A shell reads these lines as one.
    ...filled(command.split(/ (?=--)/), width - 4, ' \\').map(line => `  ${line}`),
    ...(rest === '' ? [] : wrap(rest.slice(2), width)),
  ];
}

/** Words in lines of at most `width`. A wider word gets its own line. */
function filled(words: readonly string[], width: number, continued: string): string[] {
  const lines: string[] = [];
  for (const word of words) {
    const line = lines.at(-1);
    if (line === undefined || line.length + 1 + word.length > width) lines.push(word);
    else lines[lines.length - 1] = `${line} ${word}`;
  }
  return lines.map((line, index) => (index < lines.length - 1 ? line + continued : line));
}
