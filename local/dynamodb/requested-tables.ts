import { readStatement } from './partiql.ts';

type Json = Readonly<Record<string, unknown>>;

/**
 * The tables that a request to DynamoDB names, by name even if the request uses an ARN. The set is empty for an
 * operation on no table, and for a body that only the engine can refuse.
 */
export function requestedTables(body: Json): ReadonlySet<string> {
  const named = [
    body['TableName'],
    body['ResourceArn'],
    body['TableArn'],
    ...Object.keys(objectOf(body['RequestItems'])),
    ...listOf(body['TransactItems'])
      .flatMap(item => Object.values(item))
      .map(action => objectOf(action)['TableName']),
    ...[body, ...listOf(body['Statements']), ...listOf(body['TransactStatements'])]
      .map(({ Statement: text }) => text)
      .map(text => (typeof text === 'string' ? readStatement(text)?.table : undefined)),
  ];
  return new Set(named.filter(name => typeof name === 'string').map(nameOf));
}

/** `arn:aws:dynamodb:region:account:table/NAME/index/…` [Service Authorization Reference, DynamoDB resource types]. */
function nameOf(nameOrArn: string): string {
  return /^arn:[^/]*:table\/(?<name>[^/]+)/.exec(nameOrArn)?.groups?.['name'] ?? nameOrArn;
}

function listOf(value: unknown): readonly Json[] {
  return Array.isArray(value) ? value.map(objectOf) : [];
}

function objectOf(value: unknown): Json {
  return typeof value === 'object' && value !== null ? (value as Json) : {};
}
