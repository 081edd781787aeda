import { z } from 'zod';

/** Any event of `orchestrate --json`. */
const anyEvent = z.looseObject({ event: z.string(), runId: z.string().optional() });
export type RunEvent = z.infer<typeof anyEvent>;

const count = z.number().int().nonnegative();

/** The last event of a run, as the contract defines it. */
const runFinished = z.looseObject({
  event: z.literal('run.finished'),
  runId: z.string(),
  status: z.string(),
  table: z.string(),
  attribute: z.string(),
  segments: count,
  tasks: count,
  scanned: count,
  matched: count,
  updated: count,
  alreadySet: count,
  deleted: count,
  quarantined: count,
  missing: count,
  passes: count,
  durationMs: z.number().nonnegative(),
  consumed: z.looseObject({
    readCapacityUnits: z.number().nonnegative(),
    writeCapacityUnits: z.number().nonnegative(),
  }),
});
export type RunFinished = z.infer<typeof runFinished>;

const progress = z.looseObject({
  segments: z.looseObject({ complete: count, total: count }).optional().catch(undefined),
  scanned: count.optional().catch(undefined),
  updated: count.optional().catch(undefined),
});

/** @returns undefined if the line is no event. The contract allows only events, so the demo reports the line. */
export function parseEvent(line: string): RunEvent | undefined {
  try {
    return anyEvent.safeParse(JSON.parse(line)).data;
  } catch {
    return undefined;
  }
}

/** @throws Error that names every field that breaks the contract. */
export function parseRunFinished(event: RunEvent): RunFinished {
  const parsed = runFinished.safeParse(event);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`);
  throw new Error(`run.finished does not have the form that the contract describes: ${problems.join('; ')}`);
}

/** This is only for display, so anything that does not fit is left out. */
export function parseProgress(event: RunEvent): z.infer<typeof progress> {
  return progress.parse(event);
}
