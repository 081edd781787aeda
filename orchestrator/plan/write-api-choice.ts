import { createOwnItemsClient } from '../../core/aws-clients.ts';
import { describeError, PreflightError } from '../../core/errors.ts';
import {
  type ItemWrite,
  nameUnfitForBatch,
  PLAIN_FORMS,
  SOURCE_TYPES,
  sourceUnfitForBatch,
} from '../../core/item-write.ts';
import type { BatchForms, WriteApi } from '../../core/records.ts';
import type { PlanningSession } from '../session.ts';
import { type ProofResult, proveEngine } from './engine-proof.ts';

export interface ChosenWriteApi {
  readonly writeApi: WriteApi;
  readonly writeApiReason: string;
  /** With a recipe and `batch`: the proven statement forms. */
  readonly batchForms?: BatchForms;
}

/** @throws PreflightError when the engine does not do what the write must do. */
export async function chooseWriteApi(session: PlanningSession, write: ItemWrite): Promise<ChosenWriteApi> {
  const asked = session.settings.writeApi;
  const unfit = whyUnfit(write);
  if (asked === 'batch' && unfit !== undefined) {
    throw new PreflightError(
      `${unfit}, so a statement might not mean this attribute. Use --write-api single.`,
    );
  }
  if (asked !== 'single' && unfit === undefined) {
    const { findings, forms } = await prove(session, write, 'batch');
    if (findings.length === 0) {
      // A recipe's run writes some items with UpdateItem: those beyond the proven forms, and those with a NULL source.
      // So UpdateItem must pass the proof too.
      if (write.rule.sources.length > 0) await requireSingle(session, write);
      return {
        writeApi: 'batch',
        writeApiReason: `proved on items in the control table${exceptionsOf(write, forms)}`,
        ...(forms !== PLAIN_FORMS && { batchForms: forms }),
      };
    }
    if (asked === 'batch') throw unproved('BatchExecuteStatement', findings);
    await requireSingle(session, write);
    return { writeApi: 'single', writeApiReason: `because batches failed the proof: ${findings.join('; ')}` };
  }
  await requireSingle(session, write);
  return {
    writeApi: 'single',
    writeApiReason:
      asked === 'single' ? 'as given, and proved' : `because ${lowerFirst(unfit ?? '')}, and proved`,
  };
}

/** Why this run cannot use batch statements, as a clause; undefined if it can. */
function whyUnfit(write: ItemWrite): string | undefined {
  const name = nameUnfitForBatch(write);
  if (name !== undefined) return `The name "${name}" is not made of letters, digits, - and _ alone`;
  const source = sourceUnfitForBatch(write);
  if (source === undefined) return undefined;
  return source.length > 1
    ? `The source "${source.join('"."')}" is an entry of a map`
    : `The name "${source[0]}" is not made of letters, digits, - and _ alone`;
}

/** The forms that failed the proof with batches, so that UpdateItem writes them. */
function exceptionsOf({ rule }: ItemWrite, forms: BatchForms): string {
  const without = [
    ...(rule.targets.length > 1 && forms.several === undefined ? ['several targets'] : []),
    ...(rule.sources.length === 0
      ? []
      : [
          ...SOURCE_TYPES.filter(type => !forms.sources.includes(type)).map(
            type => `sources of type ${type}`,
          ),
          ...(forms.absent ? [] : ['absent sources']),
        ]),
  ];
  return without.length === 0 ? '' : `; UpdateItem for ${without.join(', ')}`;
}

async function requireSingle(session: PlanningSession, write: ItemWrite): Promise<void> {
  const { findings } = await prove(session, write, 'single');
  if (findings.length > 0) throw unproved('UpdateItem', findings);
}

async function prove(
  { surroundings }: PlanningSession,
  { rule }: ItemWrite,
  api: WriteApi,
): Promise<Pick<ProofResult, 'findings' | 'forms'>> {
  const client = createOwnItemsClient();
  try {
    return await proveEngine(client, surroundings.controlTable, rule, api);
  } catch (error) {
    return { findings: [describeError(error)], forms: PLAIN_FORMS };
  } finally {
    client.destroy();
  }
}

function unproved(operation: string, findings: readonly string[]): PreflightError {
  return new PreflightError(
    `${operation} does not behave here as it must: ${findings.join('; ')}. Fleetfill wrote nothing to your table.`,
  );
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}
