import {
  type AttributeValue,
  type DynamoDBClient,
  paginateScan,
  UpdateItemCommand,
} from '@aws-sdk/client-dynamodb';

/** An item of the table `stuff`. */
export type Item = Record<string, AttributeValue>;

/** Every item, by its id. */
export async function wholeTable(client: DynamoDBClient): Promise<Map<string, Item>> {
  const items = new Map<string, Item>();
  for await (const { Items = [] } of paginateScan({ client }, { TableName: 'stuff', ConsistentRead: true })) {
    for (const item of Items) items.set(item['id']?.S ?? '', item);
  }
  return items;
}

export const keyOf = ({ id, created }: Item): Item => ({
  id: id as AttributeValue,
  created: created as AttributeValue,
});

/** Sets the attribute as the application would. */
export const set = (client: DynamoDBClient, item: Item, value: string) =>
  client.send(
    new UpdateItemCommand({
      TableName: 'stuff',
      Key: keyOf(item),
      UpdateExpression: 'SET #test = :value',
      ExpressionAttributeNames: { '#test': 'test' },
      ExpressionAttributeValues: { ':value': { N: value } },
    }),
  );
