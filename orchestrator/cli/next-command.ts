import { writtenOptions } from '../../core/recipe/recipe.ts';
import type { RunRecord } from '../../core/records.ts';
import { DEFAULT_VALUE, DETACH_OPTION, FLEET_OPTIONS, RUN_OPTIONS } from './options.ts';

/** Options that name where the fleet runs. Without them, a command would look elsewhere. */
const PLACE = Object.keys(FLEET_OPTIONS).filter(name => name !== 'json' && name !== 'debug');

/**
 * Options that an operator gave once for this table and should not have to find again. The run's record does not hold
 * them.
 */
const SAID = ['account', 'unattended-rate', 'write-api', 'prices', 'allow-no-pitr', 'allow-expiry', 'accept'];

const FLAGS = new Set(
  Object.entries({ ...FLEET_OPTIONS, ...RUN_OPTIONS, ...DETACH_OPTION }).flatMap(([name, { type }]) =>
    type === 'boolean' ? [name] : [],
  ),
);

/**
 * The command to type next, for a shell. It repeats the current command's options that name where the fleet runs,
 * unless `words` contains them.
 */
export function nextCommand(...words: readonly string[]): string {
  const place = PLACE.filter(name => !words.includes(`--${name}`));
  return shellLine([...words, ...wordsOf(process.argv.slice(2), place)]);
}

/**
 * The command that starts another run like this one, with the same table, attribute, value and segments, and the rates
 * at its end. It leaves out `--yes`, so that the operator confirms again.
 */
export function nextRun(run: RunRecord, more: readonly string[] = []): string {
  const { rates } = run;
  const differing: readonly (readonly [name: string, value: unknown, usual: unknown])[] = [
    ['value', run.value, DEFAULT_VALUE],
    ['segments', run.totalSegments, RUN_OPTIONS.segments.default],
    ['tasks', run.tasks, run.totalSegments],
    ['max-write-rate', rates.writeUnitsPerSecond, undefined],
    ['max-read-rate', rates.readUnitsPerSecond, undefined],
    ['passes', run.passes, RUN_OPTIONS.passes.default],
    ['max-attempts', run.maxAttempts, RUN_OPTIONS['max-attempts'].default],
    ['max-quarantine', run.maxQuarantine, undefined],
    ['max-cost', run.maxCostUsd, undefined],
    ['created-key', run.createdKey, undefined],
  ];
  return nextCommand(
    ...['run', '--table', run.table, ...writtenOptions(run)],
    ...differing.flatMap(([name, value, usual]) =>
      value === undefined || String(value) === String(usual) ? [] : [`--${name}`, String(value)],
    ),
    ...(run.spot ? ['--spot'] : []),
    // Without it, a run over a replicated table is refused.
    ...((run.replicas ?? 0) > 0 ? ['--single-writer-region'] : []),
    ...wordsOf(process.argv.slice(2), SAID),
    ...more,
  );
}

/** The current command line as another command, without the options in `without` and those about its output. */
export function sameOptions(command: 'run' | 'plan', without: readonly string[] = []): string {
  const words = process.argv.slice(2);
  const given = words[0] === 'run' || words[0] === 'plan' ? words.slice(1) : words;
  const left = new Set(['json', 'debug', 'format', ...without]);
  const kept = optionsIn(given).filter(({ name }) => !left.has(name));
  return shellLine([command, ...kept.flatMap(option => option.words)]);
}

/** The current command for a shell, followed by more words. */
export function sameCommand(more: readonly string[]): string {
  return shellLine([...process.argv.slice(2), ...more]);
}

function shellLine(words: readonly string[]): string {
  return ['orchestrate', ...words].map(quoteForShell).join(' ');
}

function quoteForShell(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

function wordsOf(line: readonly string[], names: readonly string[]): string[] {
  return optionsIn(line).flatMap(({ name, words }) => (names.includes(name) ? words : []));
}

/** The options of a command line, each with its words as typed. Other words are left out. */
function optionsIn(line: readonly string[]): { readonly name: string; readonly words: readonly string[] }[] {
  return line.flatMap((word, index) => {
    const [, name] = /^--([^=]+)/.exec(word) ?? [];
    if (name === undefined) return [];
    const next = line[index + 1];
    const alone = word.includes('=') || FLAGS.has(name) || next === undefined || next.startsWith('--');
    return [{ name, words: alone ? [word] : [word, next] }];
  });
}
