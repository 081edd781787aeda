import fc from 'fast-check';
import { beforeEach, expect, test, vi } from 'vitest';
import { ControlTable, type ControlTableClient } from '../../core/control-table.ts';
import type { RunRecord } from '../../core/records.ts';
import { layoutOf } from '../../core/undo/item-removal.ts';
import { type LogSource, readLog } from '../../core/undo/log-reader.ts';
import { LogStore, supervisorLogSegment } from '../../core/undo/log-store.ts';
import { totals } from '../../orchestrator/run-summary.ts';
import { createStores } from '../../orchestrator/stores.ts';
import { FakeUserTable } from './fake-user-table.ts';
import { MemoryTable } from './memory-table.ts';
import { type ModelCounts, modelRun, noModelCounts, Scenario } from './scenario.ts';
import type { Choose } from './world.ts';

const STEPS = 60_000;
const STEPS_OF_A_RUN = 4_000;

let serial = 0;

// As in protocol.test.ts, a seed must reproduce ids and jitter too.
vi.mock('node:crypto', async importOriginal => ({
  ...(await importOriginal<typeof import('node:crypto')>()),
  randomUUID: () => {
    serial += 1;
    return String(serial).padStart(8, '0');
  },
}));

beforeEach(() => {
  let state = 1;
  vi.spyOn(Math, 'random').mockImplementation(() => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    return state / 2_147_483_648;
  });
});

interface UndoCounts extends ModelCounts {
  undone: number;
  removals: number;
  unknown: number;
  repeated: number;
}

/** A run in a hostile world, its undo in another, and a second undo in a third. */
class UndoScenario {
  readonly #choose: Choose;
  readonly #table = new MemoryTable();
  readonly #users = new FakeUserTable(4, 6, 2);
  readonly #control: ControlTable;

  constructor(choose: Choose) {
    this.#choose = choose;
    const send = async (command: unknown) => this.#table.execute(command);
    this.#control = new ControlTable({ send } as unknown as ControlTableClient, 'control');
  }

  /** @throws Error that names the broken rule. */
  async play(counts: UndoCounts): Promise<void> {
    const run = await this.#run(modelRun(), counts);
    if (!run) return;
    const undo = await this.#run(this.#undoOf(run, 'undo'), counts);
    if (!undo) return;
    counts.undone += 1;
    counts.removals += this.#users.removals;
    await this.#check(run, undo, counts);
    const removals = this.#users.removals;
    const again = await this.#run(this.#undoOf(run, 'again'), counts);
    if (!again) return;
    counts.repeated += 1;
    if (this.#users.removals !== removals) throw new Error('the second undo removed something');
    expect((await this.#totals(again)).matched).toBe(0);
  }

  async #run(newRun: ReturnType<typeof modelRun>, counts: UndoCounts): Promise<RunRecord | undefined> {
    const scenario = new Scenario(this.#choose, {
      table: this.#table,
      users: this.#users,
      newRun,
      application: true,
    });
    await scenario.play(STEPS_OF_A_RUN, counts);
    return scenario.run?.status === 'verified' ? scenario.run : undefined;
  }

  #undoOf({ runId, totalSegments, undoLog }: RunRecord, name: string): ReturnType<typeof modelRun> {
    if (!undoLog) throw new Error('the run kept no log');
    const { undoLog: _, ...rest } = modelRun();
    return {
      ...rest,
      runId: name,
      totalSegments: totalSegments + 1,
      writeApi: 'single',
      undoes: { runId, totalSegments, ...undoLog },
    };
  }

  async #check(run: RunRecord, undo: RunRecord, counts: UndoCounts): Promise<void> {
    const { set, unknown, values } = await this.#readLog(run);
    const [proof] = await createStores(this.#control).runs.verifications(undo.runId);
    if (proof?.scanned !== values) {
      throw new Error(`an undo of ${values} values in the log says that it looked at ${proof?.scanned}`);
    }
    const standing = this.#users.items.filter(({ attribute }) => attribute === '1');
    for (const { id, writer } of standing.filter(item => item.writer === 'run')) {
      if (set.has(id))
        throw new Error(`${id} still has the run's value, and the log knows that the run set it`);
      if (!unknown.has(id))
        throw new Error(`${id} has the value of the ${writer}, and the log does not name it`);
    }
    const named = standing.filter(({ id }) => unknown.has(id) && !set.has(id));
    expect(undo.unknown).toBe(named.length);
    counts.unknown += named.length;
    const { matched, updated, alreadySet, deleted } = await this.#totals(undo);
    expect(matched).toBe(set.size);
    expect(updated).toBeLessThanOrEqual(this.#users.removals);
    expect(updated).toBeGreaterThanOrEqual(this.#users.removals - this.#users.touchedAfterRemoval);
    expect(updated + alreadySet + deleted).toBe(matched);
  }

  async #totals(run: RunRecord) {
    return totals(run, await createStores(this.#control).segments.list(run.runId));
  }

  async #readLog(run: RunRecord) {
    const source: LogSource = {
      store: new LogStore(this.#control),
      layout: layoutOf(run.keySchema, run.undoLog ?? { targets: [] }),
      runId: run.runId,
      totalSegments: run.totalSegments,
    };
    const set = new Set<string>();
    const unknown = new Set<string>();
    let values = 0;
    for (let segment = 0; segment <= supervisorLogSegment(run); segment++) {
      for await (const chunk of readLog(source, segment)) {
        values += chunk.set.length + chunk.unknown.length;
        for (const { key } of chunk.set) set.add(key['id']?.S ?? '');
        for (const { key } of chunk.unknown) unknown.add(key['id']?.S ?? '');
      }
    }
    return { set, unknown, values };
  }
}

test('no crash between log, write, outcome and checkpoint lets an undo remove a value that the run did not write', {
  timeout: 600_000,
  retry: 0,
}, async () => {
  const counts: UndoCounts = {
    ...noModelCounts(),
    undone: 0,
    removals: 0,
    unknown: 0,
    repeated: 0,
  };
  const scenario = fc.asyncProperty(fc.infiniteStream(fc.nat({ max: 2 ** 30 })), async choices => {
    serial = 0;
    await new UndoScenario(below => Number(choices.next().value) % below).play(counts);
  });
  const seed = Number(process.env['FLEETFILL_MODEL_SEED'] ?? Date.now());
  const steps = Number(process.env['FLEETFILL_MODEL_STEPS'] ?? STEPS);
  // An unknown outcome at the end is rare, and so is a second undo. If one has not occurred yet, more scenarios are
  // played.
  const isShort = () =>
    counts.undone < 5 || counts.repeated < 2 || counts.removals < 20 || counts.unknown === 0;
  const isOpen = () => counts.steps < steps || (isShort() && counts.steps < 5 * steps);
  for (let round = 0; isOpen(); round++) {
    await fc.assert(scenario, { seed: seed + round, numRuns: 5, endOnFailure: true });
  }
  console.log('undo model', JSON.stringify({ seed, ...counts }));
  expect(counts.undone).toBeGreaterThan(2);
  expect(counts.repeated).toBeGreaterThan(0);
  expect(counts.removals).toBeGreaterThan(10);
  expect(counts.unknown).toBeGreaterThan(0);
  for (const happened of [counts.kills, counts.takeOvers, counts.freezes, counts.pauses]) {
    expect(happened).toBeGreaterThan(5);
  }
});
