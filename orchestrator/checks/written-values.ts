import type { AttributeValue, TableDescription } from '@aws-sdk/client-dynamodb';
import { ACCEPTABLE } from '../acceptable.ts';
import { type AttributesSeen, type AttributeType, typeOf } from '../user-table/attributes-seen.ts';
import { indexKeysOf } from '../user-table/index-keys.ts';
import { type Finding, failure, warning } from './finding.ts';

/**
 * An attribute that a run sets, with the values that it would write: the constant, or those computed for the sample.
 */
export interface Target {
  readonly name: string;
  readonly values: readonly AttributeValue[];
}

/** Turns an accepted failure into a warning, which is reported and refuses nothing. */
export function accepting(findings: readonly Finding[], accepted: readonly string[]): Finding[] {
  return findings.map(finding => {
    const isAccepted = accepted.includes(finding.check) && ACCEPTABLE.some(check => check === finding.check);
    if (finding.level !== 'failure' || !isAccepted) return finding;
    const { advice: _, ...rest } = finding;
    return { ...rest, level: 'warning' };
  });
}

/** Likely mistakes in the targets, found by their names and the form of their values. */
export function valueFindings(targets: readonly Target[]): Finding[] {
  return targets.flatMap(({ name, values }) => {
    const typed = values.find(isDynamoDbJson);
    if (!typed) return [];
    const [type = '', content] = Object.entries(typed.M ?? {})[0] ?? [];
    return [
      failure('dynamodb-json', {
        message: `The value of "${name}" looks like DynamoDB JSON: a map with the one member ${type}.`,
        means: `Values are plain JSON here, so every item would get a map, not a value of type ${type}.`,
        advice: `Give the plain value: ${plainOf(content)}. If you mean a map: --accept dynamodb-json.`,
      }),
    ];
  });
}

/** What the sampled items tell about the targets. `attributes` are those of whole items. */
export function sampleFindings(targets: readonly Target[], attributes: AttributesSeen): Finding[] {
  return [
    ...signedItemFindings(targets, attributes),
    ...targets.flatMap(target => [
      ...dottedNameFindings(target, attributes),
      ...typeFindings(target, attributes),
    ]),
  ];
}

const TYPE_NAMES: ReadonlySet<string> = new Set(['S', 'N', 'B', 'BOOL', 'NULL', 'SS', 'NS', 'BS', 'L', 'M']);

/** A map whose only member has a DynamoDB type as its name and fitting content. */
function isDynamoDbJson({ M }: AttributeValue): boolean {
  const members = Object.entries(M ?? {});
  const [[type, content] = ['', undefined]] = members;
  if (members.length !== 1 || content === undefined || !TYPE_NAMES.has(type)) return false;
  switch (type) {
    case 'BOOL':
    case 'NULL':
      return content.BOOL !== undefined;
    case 'N':
      return content.S !== undefined || content.N !== undefined;
    case 'S':
    case 'B':
      return content.S !== undefined;
    case 'M':
      return content.M !== undefined;
    default:
      return content.L !== undefined;
  }
}

function plainOf(content: AttributeValue | undefined): string {
  if (content?.N !== undefined) return `--value ${content.N}`;
  if (content?.BOOL !== undefined) return `--value ${content.BOOL}`;
  if (content?.S === undefined) return 'the value without its type';
  return /^-?\d+(\.\d+)?$/.test(content.S)
    ? `--value ${content.S}`
    : `--value '${JSON.stringify(content.S)}'`;
}

/** `settings.theme` names one attribute beside `settings`. It is not a path into `settings`. */
function dottedNameFindings({ name }: Target, attributes: AttributesSeen): Finding[] {
  const [parent = ''] = name.split(/[.[]/, 1);
  if (parent === name || parent === '') return [];
  const message = `"${name}" is the name of one top-level attribute, with ${name.includes('[') ? 'a bracket' : 'a dot'} in it.`;
  const { types } = attributes.of(parent);
  const nested = (types.get('M') ?? 0) + (types.get('L') ?? 0);
  if (nested === 0)
    return [
      warning('dotted-name', {
        message,
        means: 'The run does not read it as a path into another attribute.',
      }),
    ];
  return [
    warning('dotted-name', {
      message,
      means: `${nested} items of the sample have "${parent}" as a map or list. The run would set an attribute beside it and nothing inside it.`,
      advice: 'This tool cannot set an entry of a map. Choose another attribute.',
    }),
  ];
}

/**
 * An attribute that is N in one item and S in another breaks readers that expect one type. The plan reports NULL
 * elsewhere.
 */
function typeFindings({ name, values }: Target, attributes: AttributesSeen): Finding[] {
  const written = new Set(values.map(typeOf));
  if (written.size === 0) return [];
  const others = [...attributes.of(name).types].filter(([type]) => type !== 'NULL' && !written.has(type));
  if (others.length === 0) return [];
  return [
    warning('other-type', {
      message: `"${name}" would be ${[...written].join(' or ')}, and is ${listTypes(others)} of the sample.`,
      means: 'Mappers, filters and exports that expect one type fail on the other.',
      advice: 'If you do not want both types, give a value of the type that is there.',
    }),
  ];
}

function listTypes(types: readonly (readonly [AttributeType, number])[]): string {
  return types.map(([type, items]) => `${type} in ${items} items`).join(', ');
}

/** Attributes in which AWS's client-side encryption libraries keep their headers and signatures. */
const SIGNATURES = ['aws_dbe_head', 'aws_dbe_foot', '*amzn-ddb-map-desc*', '*amzn-ddb-map-sig*'];

/** A signed item becomes unreadable once it has an attribute that its signature does not cover. */
function signedItemFindings(targets: readonly Target[], attributes: AttributesSeen): Finding[] {
  const signed = SIGNATURES.filter(name => attributes.has(name));
  if (signed.length === 0) return [];
  const names = targets.map(({ name }) => `"${name}"`).join(', ');
  return [
    failure('signed-items', {
      message: `A client library has signed items of the sample: they have ${signed.join(' and ')}.`,
      means: `An attribute that the library does not know makes an item unreadable for the application. This would happen to every item that gets ${names}.`,
      advice:
        'First deploy code that lists it among the allowed unsigned attributes. When that code is live everywhere: --accept signed-items.',
    }),
  ];
}

/** Items that a run on an index key leaves out of that index, because their present value cannot be its key. */
export function indexKeyFindings(
  targets: readonly Target[],
  description: TableDescription,
  attributes: AttributesSeen,
): Finding[] {
  return targets.flatMap(({ name }) => {
    const keys = indexKeysOf(description, name);
    const [first] = keys;
    if (first === undefined) return [];
    const { type: wanted } = first;
    const { types, empty } = attributes.of(name);
    const unusable = [...types].filter(([type]) => type !== wanted);
    const counts = [
      ...unusable.map(([type, items]) => `${type} in ${items}`),
      ...(empty > 0 ? [`empty in ${empty}`] : []),
    ];
    if (counts.length === 0) return [];
    return [
      warning('index-key', {
        message: `"${name}" is a key of the index ${keys.map(({ index }) => index).join(', ')}, of type ${wanted}. In the sample it is ${counts.join(', ')} items.`,
        means:
          'Such items are not in the index. They have the attribute, so this run does not change them, and "verified" does not cover them.',
        advice: `First REMOVE the attribute where it is NULL, empty or of another type. Then the run will set it.`,
      }),
    ];
  });
}
