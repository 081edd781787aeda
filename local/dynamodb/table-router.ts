import { type Exchange, errorReply, type ProxyReply, readJson, withJson } from '../proxy/exchange.ts';
import { askEngine } from './ask-engine.ts';
import { requestedTables } from './requested-tables.ts';

/** The lock table of an account and Region, which all control tables share. */
const LOCK_TABLE = 'fleetfill-locks';

export interface TableRouter {
  /** Both engines as one DynamoDB. */
  readonly exchange: Exchange;
  /** Whether a table holds records of runs instead of a user's data. */
  isControlTable(table: string): boolean;
}

/**
 * Makes one DynamoDB of two engines: one for the user's tables, and one for control tables and the lock table. Tables
 * on AWS do not slow each other down. In a single engine, a long Scan of the user's table would delay every heartbeat.
 *
 * A control table is recognised by its name, or by its key `run`, `item` if it is created here. A request for tables of
 * both engines is refused. Only a transaction of some other program would send one.
 *
 * @param controlTable name of the stack's own control table
 */
export async function createTableRouter(
  data: Exchange,
  control: Exchange,
  controlTable: string,
): Promise<TableRouter> {
  const askControl = askEngine(control);
  const controlTables = new Set([controlTable, LOCK_TABLE, ...(await allTables(askControl))]);
  const isControlTable = (table: string) => controlTables.has(table);

  const exchange: Exchange = async request => {
    const body = readJson(request);
    if (body === undefined) return data(request);
    if (request.operation === 'ListTables') return listTables([askEngine(data), askControl], body);
    if (request.operation === 'CreateTable' && hasControlKey(body)) {
      controlTables.add(String(body['TableName']));
    }
    const tables = [...requestedTables(body)];
    const ofControl = tables.filter(isControlTable);
    if (ofControl.length === 0) return data(request);
    if (ofControl.length === tables.length) return control(request);
    return errorReply(
      400,
      'com.amazon.coral.validate#ValidationException',
      `On this machine control tables have an engine of their own, so one request cannot be about ${tables.join(' and ')}.`,
    );
  };
  return { exchange, isControlTable };
}

function hasControlKey({ KeySchema: keys }: Readonly<Record<string, unknown>>): boolean {
  const names = Array.isArray(keys)
    ? (keys as { AttributeName?: unknown }[]).map(({ AttributeName: name }) => name)
    : [];
  return names.length === 2 && names[0] === 'run' && names[1] === 'item';
}

type Ask = ReturnType<typeof askEngine>;

async function allTables(ask: Ask): Promise<string[]> {
  const tables: string[] = [];
  let from: unknown;
  do {
    const page: Record<string, unknown> =
      (await ask('ListTables', from === undefined ? {} : { ExclusiveStartTableName: from })) ?? {};
    tables.push(...((page['TableNames'] ?? []) as string[]));
    from = page['LastEvaluatedTableName'];
  } while (from !== undefined);
  return tables;
}

/** At most 100 names a page, in order [API reference, ListTables]. */
const LIST_LIMIT = 100;

async function listTables(
  engines: readonly Ask[],
  body: Readonly<Record<string, unknown>>,
): Promise<ProxyReply> {
  const from = String(body['ExclusiveStartTableName'] ?? '');
  const limit = Number(body['Limit'] ?? LIST_LIMIT);
  const names = (await Promise.all(engines.map(allTables)))
    .flat()
    .filter(name => name > from)
    .sort();
  const TableNames = names.slice(0, limit);
  const more = names.length > TableNames.length && { LastEvaluatedTableName: TableNames.at(-1) };
  const empty = {
    status: 200,
    headers: { 'content-type': 'application/x-amz-json-1.0' },
    body: Buffer.alloc(0),
  };
  return withJson(empty, { TableNames, ...more });
}
