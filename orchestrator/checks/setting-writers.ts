import type { RunRecord } from '../../core/records.ts';
import { createdAtMs, detectCreatedKey } from '../user-table/created-at.ts';
import type { TableSample } from '../user-table/sample.ts';
import { type Finding, warning } from './finding.ts';

/**
 * Argues against an undo if live code sets the target now. Its sign is that items created after the run have the
 * target. If such code has written an item of the run, its value cannot be told from the run's own.
 */
export function settingWriterFindings(
  { attribute, keySchema, createdKey, finishedAt }: RunRecord,
  sample: TableSample,
): Finding[] {
  const { seen } = sample.tally;
  const by = detectCreatedKey(
    keySchema,
    seen.slice(0, 1_000).map(({ key }) => key),
    createdKey,
  );
  if (by === undefined || finishedAt === undefined) return [];
  const since = Date.parse(finishedAt);
  const newer = seen.filter(({ key, named }) => {
    const created = createdAtMs(by === createdKey ? named : key[by]);
    return created !== undefined && created > since;
  });
  const having = newer.filter(({ lacks }) => !lacks);
  if (having.length === 0) return [];
  return [
    warning('setting-writers', {
      message: `${having.length} of ${newer.length} items in a sample that were created after the run, by "${by}", have "${attribute}".`,
      means:
        'Live code sets the attribute. If that code has set the same value on an item of the run, the undo removes it.',
      advice: 'Stop that code, or deploy code that does not set it. Then undo.',
    }),
  ];
}
