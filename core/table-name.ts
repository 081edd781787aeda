const TABLE_ARN = /^arn:[^:]*:dynamodb:([^:]*):([^:]*):table\/([^/]+)$/;

/** The name of a table that is named by its name or by its ARN: metrics and people know it by its name. */
export function tableNameOf(table: string): string {
  return TABLE_ARN.exec(table)?.[3] ?? table;
}
