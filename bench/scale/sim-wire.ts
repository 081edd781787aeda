import {
  GetCommand,
  PutCommand,
  QueryCommand,
  TransactWriteCommand,
  UpdateCommand,
} from '@aws-sdk/lib-dynamodb';
import { marshall, unmarshall } from '@aws-sdk/util-dynamodb';
import type { ControlTableClient } from '../../core/control-table.ts';
import { WireError } from '../../local/wire/error.ts';
import { type RunningServer, startServer } from '../../local/wire/server.ts';

type Wire = ReturnType<typeof marshall>;
type Json = Record<string, unknown>;

/** The members of a request, or of a part of one, that hold attribute values. */
const VALUES = ['Key', 'Item', 'ExclusiveStartKey', 'ExpressionAttributeValues'];

const COMMANDS = {
  GetItem: GetCommand,
  PutItem: PutCommand,
  UpdateItem: UpdateCommand,
  Query: QueryCommand,
  TransactWriteItems: TransactWriteCommand,
} as const;

/** Serves a control table in memory over HTTP, as DynamoDB speaks: for processes, which have the SDK in between. */
export function serveControlTable(client: ControlTableClient, table: string): Promise<RunningServer> {
  const operations = Object.fromEntries(
    Object.entries(COMMANDS).map(([name, Command]) => [
      name,
      async (body: unknown) => {
        requireTable(body as Json, table);
        try {
          const command = new (Command as unknown as new (input: Json) => never)(plain(body as Json));
          return wired((await client.send(command)) as Json);
        } catch (error) {
          throw refusal(error as Error & Json);
        }
      },
    ]),
  );
  return startServer({ targetPrefix: 'DynamoDB_20120810', operations }, 0);
}

/** Without a lock table of the account, the control table locks for itself. */
function requireTable({ TableName: asked }: Json, table: string): void {
  if (asked === undefined || asked === table) return;
  throw new WireError('AccessDeniedException', `There is no ${String(asked)} here.`);
}

function plain(body: Json): Json {
  const parts = body['TransactItems'] as Record<string, Json>[] | undefined;
  if (parts) {
    const items = parts.map(part =>
      Object.fromEntries(Object.entries(part).map(([kind, input]) => [kind, plain(input)])),
    );
    return { ...body, TransactItems: items };
  }
  const found = VALUES.filter(name => body[name] !== undefined);
  return { ...body, ...Object.fromEntries(found.map(name => [name, unmarshall(body[name] as Wire)])) };
}

function wired(reply: Json): Json {
  const one = (item: unknown) => marshall(item as Json, { removeUndefinedValues: true });
  return {
    ...reply,
    ...Object.fromEntries(
      ['Item', 'Attributes', 'LastEvaluatedKey']
        .filter(name => reply[name])
        .map(name => [name, one(reply[name])]),
    ),
    ...(Array.isArray(reply['Items']) && { Items: reply['Items'].map(one), Count: reply['Items'].length }),
  };
}

function refusal(error: Error & Json): unknown {
  const { name, message, Item, CancellationReasons } = error;
  if (!name.endsWith('Exception')) return error;
  return new WireError(name, message, {
    members: {
      ...(Item !== undefined && { Item }),
      ...(CancellationReasons !== undefined && { CancellationReasons }),
    },
  });
}
