import type { KeySchema } from '../../core/records.ts';
import type { WriteRule } from '../../core/write-rule.ts';
import { restrictsAttributes, type StackFacts } from '../fleet/location.ts';
import { type Finding, failure, ok } from './finding.ts';

const SOURCES = 'source-attributes';

/**
 * Checks that the stack's roles may read a recipe's sources. The targets were compared with the stack earlier, but the
 * sources are known only after the expressions are parsed. Without a stack there is nothing to compare.
 */
export function sourceAttributeFindings(
  { sources, targets }: Pick<WriteRule, 'sources' | 'targets'>,
  keySchema: KeySchema,
  stack: StackFacts | undefined,
): Finding[] {
  const allowed = stack?.outputs['Attributes'];
  if (stack === undefined || allowed === undefined || sources.length === 0) return [];
  const read = [...new Set(sources.map(([name]) => name))].filter(
    name => !keySchema.some(key => key.name === name) && !targets.includes(name),
  );
  const further = listOf(stack.outputs['SourceAttributes']);
  const denied = read.filter(name => !listOf(allowed).includes(name) && !further.includes(name));
  if (denied.length === 0 || !restrictsAttributes(stack))
    return [ok(SOURCES, `The roles of the stack ${stack.name} may read the recipe's sources.`)];
  return [
    failure(SOURCES, {
      message: `The recipe reads ${denied.map(name => `"${name}"`).join(', ')}, which the roles of the stack ${stack.name} may not read.`,
      means: 'Every Scan and every write of a task would be denied.',
      advice: `Update the stack with SourceAttributes=${[...new Set([...further, ...denied])].join(',')}, or name another one with --stack.`,
    }),
  ];
}

function listOf(text: string | undefined): string[] {
  return text === undefined ? [] : text.split(',').map(name => name.trim());
}
