import type { AttributeValue } from '@aws-sdk/client-dynamodb';
import type { AttributePath } from '../../core/attribute-path.ts';
import type { AttributeMap } from '../../core/attribute-value.ts';
import { SOURCE_TYPES } from '../../core/item-write.ts';
import type { BatchForms, SourceType } from '../../core/records.ts';
import type { Assignment, SourceState, WriteRule } from '../../core/write-rule.ts';

/** The keys of the control table. Its items also have `expiresAt`, and the proof's items have one attribute more. */
export const CONTROL_KEYS = [
  { name: 'run', type: 'S' },
  { name: 'item', type: 'S' },
] as const;
const TAKEN_NAMES = new Set(['run', 'item', 'expiresAt', 'other']);

/** One item, one write, and whether the write may change the item. */
export interface ProofCase {
  readonly name: string;
  /** The item's attributes besides its key; undefined if there is no item. */
  readonly before: AttributeMap | undefined;
  readonly assignment: Assignment;
  readonly writes: boolean;
}

/** Cases that prove one feature together. */
export interface ProofFeature {
  /** Adds what a batch statement may do once the cases hold. */
  readonly grants: (forms: BatchForms) => BatchForms;
  /** The statement forms that the cases use. */
  readonly forms: BatchForms;
  readonly cases: readonly ProofCase[];
}

/** The name itself, or a similar name if the control table's items already use it. */
function probed(name: string): string {
  return TAKEN_NAMES.has(name) ? `${name}_` : name;
}

/** Stand-in values of several types. A recipe's values are unknown until there is an item. */
const STAND_INS: readonly AttributeValue[] = [
  { S: 'value' },
  { N: '19.99' },
  { BOOL: false },
  { B: new Uint8Array([0, 255]) },
  { NULL: true },
  { L: [{ N: '1' }] },
  { M: { a: { S: 'b' } } },
];

/** The values that the cases set: a constant's own value, or a stand-in for each target of a recipe. */
function setOf(rule: WriteRule): AttributeMap {
  const decision = rule.sources.length === 0 ? rule.decide({}) : undefined;
  const constant = decision?.kind === 'write' ? decision.assignment.set : undefined;
  return Object.fromEntries(
    rule.targets.map((target, index) => [
      probed(target),
      constant?.[target] ?? (STAND_INS[index % STAND_INS.length] as AttributeValue),
    ]),
  );
}

/** The founding case: set a missing attribute, change nothing that exists, create no item. */
export function targetCases(rule: WriteRule, targets: number): ProofCase[] {
  const entries = Object.entries(setOf(rule)).slice(0, targets);
  const assignment: Assignment = { set: Object.fromEntries(entries), sources: [] };
  const [first, ...others] = entries.map(([name]) => name);
  const there = { S: 'from someone else' };
  return [
    { name: 'missing', before: {}, assignment, writes: true },
    { name: 'present', before: { [first ?? '']: there }, assignment, writes: false },
    { name: 'null', before: { [first ?? '']: { NULL: true } }, assignment, writes: false },
    { name: 'absent', before: undefined, assignment, writes: false },
    ...others.map(name => ({
      name: `${name} present`,
      before: { [name]: there },
      assignment,
      writes: false,
    })),
  ];
}

const bytes = (...of: number[]) => new Uint8Array(of);

/** For each type: a stored value, an equal value as an engine may send it, and a different value. */
const SOURCE_VALUES: Readonly<
  Record<SourceType | 'NULL', readonly [AttributeValue, AttributeValue, AttributeValue]>
> = {
  S: [{ S: 'a' }, { S: 'a' }, { S: 'b' }],
  N: [{ N: '19.99' }, { N: '19.990' }, { N: '19.989999999999998' }],
  B: [{ B: bytes(0, 255) }, { B: bytes(0, 255) }, { B: bytes(0) }],
  BOOL: [{ BOOL: true }, { BOOL: true }, { BOOL: false }],
  SS: [{ SS: ['a', 'b'] }, { SS: ['b', 'a'] }, { SS: ['a'] }],
  NS: [{ NS: ['1', '2'] }, { NS: ['2', '1'] }, { NS: ['1', '3'] }],
  BS: [{ BS: [bytes(1), bytes(2)] }, { BS: [bytes(2), bytes(1)] }, { BS: [bytes(1)] }],
  NULL: [{ NULL: true }, { NULL: true }, { S: '' }],
};

/**
 * The write may happen only if a source of this type still has the value that was read. It must not happen if the
 * source has changed or is gone.
 */
export function sourceCases(rule: WriteRule, type: SourceType | 'NULL'): ProofCase[] {
  const [stored, sent, other] = SOURCE_VALUES[type];
  const path = sourcePath(rule);
  const wanted = assignmentWith(rule, { path, is: 'equal', value: sent });
  return [
    { name: `source ${type} as read`, before: itemWith(path, stored), assignment: wanted, writes: true },
    { name: `source ${type} changed`, before: itemWith(path, other), assignment: wanted, writes: false },
    { name: `source ${type} removed`, before: {}, assignment: wanted, writes: false },
    { name: `source ${type}, no item`, before: undefined, assignment: wanted, writes: false },
  ];
}

/** `absent`: the write may happen only if the source is still missing. `present`: only if the source still exists. */
export function presenceCases(rule: WriteRule, is: 'absent' | 'present'): ProofCase[] {
  const path = sourcePath(rule);
  const assignment = assignmentWith(rule, { path, is });
  const there = [itemWith(path, { S: 'a' }), itemWith(path, { NULL: true })];
  return [
    { name: `source ${is}, missing`, before: {}, assignment, writes: is === 'absent' },
    ...there.map((before, index) => ({
      name: `source ${is}, ${index === 0 ? 'there' : 'there as NULL'}`,
      before,
      assignment,
      writes: is === 'present',
    })),
    { name: `source ${is}, no item`, before: undefined, assignment, writes: false },
  ];
}

/** Every feature of batches beyond the founding case. Each one is proved on its own. */
export function batchFeatures(rule: WriteRule): ProofFeature[] {
  const spellings = rule.targets.length > 1 ? (['commas', 'clauses'] as const) : [];
  return [
    ...spellings.map(
      (several): ProofFeature => ({
        forms: { sources: [], several },
        cases: targetCases(rule, rule.targets.length),
        grants: forms => (forms.several === undefined ? { ...forms, several } : forms),
      }),
    ),
    ...(rule.sources.length === 0
      ? []
      : [
          ...SOURCE_TYPES.map(
            (type): ProofFeature => ({
              forms: { sources: [] },
              cases: sourceCases(rule, type),
              grants: forms => ({ ...forms, sources: [...forms.sources, type] }),
            }),
          ),
          ...(['absent', 'present'] as const).map(
            (is): ProofFeature => ({
              forms: { sources: [] },
              cases: presenceCases(rule, is),
              grants: forms => ({ ...forms, [is]: true }),
            }),
          ),
        ]),
  ];
}

/** Everything that UpdateItem must do for the run. */
export function singleCases(rule: WriteRule): ProofCase[] {
  const targets = targetCases(rule, rule.targets.length);
  if (rule.sources.length === 0) return targets;
  const types = Object.keys(SOURCE_VALUES) as (keyof typeof SOURCE_VALUES)[];
  return [
    ...targets,
    ...types.flatMap(type => sourceCases(rule, type)),
    ...presenceCases(rule, 'absent'),
    ...presenceCases(rule, 'present'),
  ];
}

/** The deepest source path of the run, because what holds for a map entry holds for a top-level attribute too. */
function sourcePath(rule: WriteRule): AttributePath {
  const [first = 'source', ...rest] = [...rule.sources].sort((a, b) => b.length - a.length)[0] ?? [];
  return [probed(first), ...rest];
}

function itemWith([first, ...rest]: AttributePath, value: AttributeValue): AttributeMap {
  const [next, ...further] = rest;
  if (next === undefined) return { [first]: value };
  return { [first]: { M: itemWith([next, ...further], value) } };
}

function assignmentWith(rule: WriteRule, source: SourceState): Assignment {
  const [first] = Object.entries(setOf(rule));
  return { set: first ? { [first[0]]: first[1] } : {}, sources: [source] };
}
