/** What differs from run to run without meaning. It is replaced by a name on both sides. */
const MASKS: readonly [RegExp, string][] = [
  [/\r/g, ''],
  [/\d{14}-[0-9a-f]{6}|\bRUN\b/g, '‹run›'],
  [/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g, '‹uuid›'],
  [/\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?Z?/g, '‹time›'],
  [/\b\d\d:\d\d(:\d\d)?\b/g, '‹time›'],
  [/http:\/\/127\.0\.0\.1:\d+\S*/g, '‹url›'],
  [/(\/[\w.@‹›-]+){2,}/g, '‹path›'],
  [/\b[\w.-]+@[\w.-]+(?=[.,;:]?(\s|$))/g, '‹who›'],
  [/(arn:aws:\w+):[\w-]*:/g, '$1:‹region›:'],
  [/"created":\{"N":"\d+"\}/g, '‹created›'],
  [/\$[\d.,]*\d/g, '‹dollars›'],
  [/\b[\d.,]*\d\s?%/g, '‹percent›'],
  [/\b[\d.,]*\d (?=of [\d.,]+ (write |read )?units\/s)/g, '‹rate› '],
  [/\b[\d.,]*\d (?=(read|write) units(?! (a|per) second|\/s))/g, '‹units› '],
  [/\b(?:\d(?:[\d.,]*\d)? (?:ms|s|min|h|seconds?|minutes?|hours?)\b(?!-) ?)+/g, '‹duration› '],
];

export function mask(text: string, countsVary: boolean): string {
  const masked = MASKS.reduce((masking, [pattern, name]) => masking.replace(pattern, name), text);
  return (countsVary ? masked.replace(/\b\d[\d.,]*\d\b|\b\d\b/g, '‹count›') : masked)
    .split('\n')
    .map(line => line.trimEnd())
    .join('\n');
}

/** Whether an output matches what the document shows. `…` stands for any lines, or within a line for any text. */
export function outputMatches(shown: readonly string[], output: string, countsVary: boolean): boolean {
  const pattern = mask(shown.join('\n').trim(), countsVary)
    .split('\n')
    .map(line =>
      line.trim() === '…' ? '(?:.*\\n)*?' : `${line.split('…').map(escapeRegExp).join('.*')}\\n+`,
    )
    .join('');
  return new RegExp(`^\\n*${pattern}\\n*$`).test(`${mask(output, countsVary).trim()}\n`);
}

function escapeRegExp(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}

/** An output for a page to keep, without this machine's name, user and folders. */
export function plain(output: string): string {
  return output
    .replace(/\r/g, '')
    .replace(/(by )[\w.-]+@[\w.-]+/g, '$1you@here')
    .replace(/\/tmp\/[\w.-]+/g, '/tmp/…');
}
