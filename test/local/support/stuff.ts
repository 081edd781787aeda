import {
  BatchExecuteStatementCommand,
  type BatchExecuteStatementCommandOutput,
  PutItemCommand,
  type PutItemCommandInput,
} from '@aws-sdk/client-dynamodb';

/** Key of an item of a table that useProxiedEngine() made. */
export const key = (id: string) => ({ id: { S: id }, created: { N: '1' } });

export const put = (table: string, id: string, more: PutItemCommandInput['Item'] = {}) =>
  new PutItemCommand({
    TableName: table,
    Item: { ...key(id), ...more },
    ReturnConsumedCapacity: 'TOTAL',
  });

/** The fleet's own statement for each of the items. */
export const setTest = (table: string, ids: readonly string[]) =>
  new BatchExecuteStatementCommand({
    Statements: ids.map(id => ({
      Statement: `UPDATE "${table}" SET "test" = ? WHERE "id" = ? AND "created" = ? AND "test" IS MISSING`,
      Parameters: [{ N: '1' }, { S: id }, { N: '1' }],
    })),
    ReturnConsumedCapacity: 'TOTAL',
  });

export const codesOf = ({ Responses }: BatchExecuteStatementCommandOutput) =>
  Responses?.map(({ Error: error }) => error?.Code);

/** The error that a call throws, of the kind that the test examines; undefined if it succeeds. */
export const thrownBy = <Thrown = Error & { readonly code?: string }>(promise: Promise<unknown>) =>
  promise.then(
    () => undefined,
    (error: unknown) => error as Thrown,
  );
