import { describeError, PreflightError } from '../../core/errors.ts';
import { type ItemWrite, nameUnfitForBatch } from '../../core/item-write.ts';
import type { WriteApi } from '../../core/records.ts';
import type { Session } from '../session.ts';
import { proveEngine } from './engine-proof.ts';

export interface ChosenWriteApi {
  readonly writeApi: WriteApi;
  readonly writeApiReason: string;
}

/** @throws PreflightError when the engine does not do what the write must mean. */
export async function chooseWriteApi(session: Session, write: ItemWrite): Promise<ChosenWriteApi> {
  const asked = session.settings.writeApi;
  const unfit = nameUnfitForBatch(write);
  if (asked === 'batch' && unfit !== undefined) {
    throw new PreflightError(
      `The name "${unfit}" is not made of letters, digits, - and _ alone; in a batch it might mean something else. Use --write-api single.`,
    );
  }
  if (asked !== 'single' && unfit === undefined) {
    const findings = await findingsOf(session, write, 'batch');
    if (findings.length === 0)
      return { writeApi: 'batch', writeApiReason: 'proved on items in the control table' };
    if (asked === 'batch') throw unproved('BatchExecuteStatement', findings);
    await requireSingle(session, write);
    return { writeApi: 'single', writeApiReason: `since batches failed the proof: ${findings.join('; ')}` };
  }
  await requireSingle(session, write);
  return {
    writeApi: 'single',
    writeApiReason:
      asked === 'single' ? 'as asked for, and proved' : `since the name "${unfit}" is not plain, and proved`,
  };
}

async function requireSingle(session: Session, write: ItemWrite): Promise<void> {
  const findings = await findingsOf(session, write, 'single');
  if (findings.length > 0) throw unproved('UpdateItem', findings);
}

async function findingsOf(
  { client, surroundings }: Session,
  write: ItemWrite,
  api: WriteApi,
): Promise<readonly string[]> {
  try {
    return (await proveEngine(client, surroundings.controlTable, write, api)).findings;
  } catch (error) {
    return [describeError(error)];
  }
}

function unproved(operation: string, findings: readonly string[]): PreflightError {
  return new PreflightError(
    `${operation} does not do here what it must: ${findings.join('; ')}. Nothing was written to your table.`,
  );
}
