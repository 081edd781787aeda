const TABLE_ARN = /^arn:[^:]*:dynamodb:([^:]*):([^:]*):table\/([^/]+)$/;

/** The name of a table that is given by its name or its ARN. Metrics and people use the name. */
export function tableNameOf(table: string): string {
  return TABLE_ARN.exec(table)?.[3] ?? table;
}
