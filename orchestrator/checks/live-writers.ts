import { type AttributeMap, encodeAttributeMap } from '../../core/attribute-value.ts';
import { createdAtMs, detectCreatedKey } from '../user-table/created-at.ts';
import type { TableSample } from '../user-table/sample.ts';
import type { SeenItem } from '../user-table/sample-tally.ts';
import { type Finding, failure, ok, warning } from './finding.ts';

/** Without --deployed-at, items up to this age show whether live code sets the attribute. */
const RECENT_MS = 3_600_000;

const MOST_EXAMPLES = 3;

export interface LiveWritersQuestion {
  readonly table: string;
  readonly attribute: string;
  readonly keySchema: Parameters<typeof detectCreatedKey>[0];
  /** ISO 8601. */
  readonly deployedAt: string | undefined;
  readonly createdKey: string | undefined;
  readonly nowMs: number;
}

/** The attribute that tells when sampled items were created; undefined if there is none. */
export function createdKeyOf(
  { keySchema, createdKey }: Pick<LiveWritersQuestion, 'keySchema' | 'createdKey'>,
  sample: TableSample,
): string | undefined {
  const keys = sample.tally.seen.slice(0, 1_000).map(({ key }) => key);
  return detectCreatedKey(keySchema, keys, createdKey);
}

/** Judges from the sampled items that are newer than the deployment whether live writers already set the attribute. */
export function liveWriterFindings(question: LiveWritersQuestion, sample: TableSample): Finding[] {
  const { attribute, deployedAt, nowMs, createdKey } = question;
  const by = createdKeyOf(question, sample);
  if (by === undefined) {
    return [
      warning('live-writers', {
        message: 'The keys do not say when an item was created.',
        means: `So this check cannot tell whether live code sets "${attribute}" on what it creates.`,
        advice: 'Name the attribute that holds the time: --created-key NAME.',
      }),
    ];
  }
  const sinceMs = deployedAt === undefined ? nowMs - RECENT_MS : Date.parse(deployedAt);
  const since = deployedAt === undefined ? 'in the last hour' : `after ${deployedAt}`;
  const newer = sample.tally.seen.filter(item => {
    const created = createdAtMs(timeOf(item, by, createdKey));
    return created !== undefined && created > sinceMs;
  });
  const lacking = newer.filter(({ lacks }) => lacks);
  if (lacking.length > 0) {
    const words = {
      message:
        `${lacking.length} of ${newer.length} items in the sample that were created ${since}, according to "${by}", lack "${attribute}", ` +
        `for instance ${examplesOf(lacking.map(({ key }) => key))}.`,
      means: `Some live code does not set "${attribute}". It would keep creating such items, and the verification would find them.`,
      advice:
        'First deploy code that sets it everywhere. Then run with the time of that deployment as --deployed-at.',
    };
    return [deployedAt === undefined ? warning('live-writers', words) : failure('live-writers', words)];
  }
  if (newer.length === 0) {
    return [
      warning('live-writers', {
        message: `No item in the sample was created ${since}, according to "${by}".`,
        means: `So this check cannot tell whether live code sets "${attribute}".`,
        advice:
          deployedAt === undefined
            ? 'To check older items too, say when the code that sets it went live: --deployed-at ISO.'
            : 'Wait until some have been created, or take a larger --sample.',
      }),
    ];
  }
  return [
    ok(
      'live-writers',
      `All ${newer.length} items in the sample that were created ${since} have "${attribute}".`,
    ),
  ];
}

/** Reports sampled items that have no room for the attribute. */
export function sizeFindings({ tally, contents }: TableSample): Finding[] {
  if (contents === 'keys') {
    return [
      ok(
        'item-size',
        'This role may read only keys, so the plan knows only the average size. An item without room for the attribute below 400 KB would go into quarantine.',
      ),
    ];
  }
  if (tally.nearlyFull.length === 0) {
    return [
      ok(
        'item-size',
        `The largest item of the sample has ${Math.ceil(tally.largestBytes / 1_024)} KB. The limit is 400 KB.`,
      ),
    ];
  }
  return [
    warning('item-size', {
      message: `The sample has ${tally.nearlyFull.length === 1 ? '1 item' : `${tally.nearlyFull.length} items`} within 1 KB of the limit of 400 KB, for instance ${tally.nearlyFull[0]}.`,
      means: 'Items without room for the attribute go into quarantine, and the run ends as quarantined.',
      advice: 'Make such items smaller, or expect them in orchestrate failures.',
    }),
  ];
}

function timeOf(item: SeenItem, by: string, createdKey: string | undefined) {
  return by === createdKey ? (item.named ?? item.key[by]) : item.key[by];
}

export function examplesOf(keys: readonly AttributeMap[]): string {
  return keys.slice(0, MOST_EXAMPLES).map(encodeAttributeMap).join(', ');
}
