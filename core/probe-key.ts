import { randomBytes, randomUUID } from 'node:crypto';
import type { AttributeValue } from '@aws-sdk/client-dynamodb';
import type { AttributeMap } from './attribute-value.ts';
import type { KeySchema, KeyType } from './records.ts';

/** A key that no item has. The chance that one does is at most one in 10^30. */
export function keyOfNoItem(keySchema: KeySchema): AttributeMap {
  return Object.fromEntries(keySchema.map(({ name, type }) => [name, randomValue(type)]));
}

function randomValue(type: KeyType): AttributeValue {
  switch (type) {
    case 'S':
      return { S: `fleetfill-probe-${randomUUID()}` };
    case 'N':
      return {
        N: `-1${BigInt(`0x${randomBytes(14).toString('hex')}`)
          .toString()
          .padStart(34, '0')}`,
      };
    case 'B':
      return { B: randomBytes(16) };
  }
}
