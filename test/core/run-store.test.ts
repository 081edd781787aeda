import { beforeEach, describe, expect, test } from 'vitest';
import type { ControlTable } from '../../core/control-table.ts';
import { SupersededError, TableLockedError, UnknownFormatError } from '../../core/errors.ts';
import { toItem } from '../../core/record-item.ts';
import {
  LOCK_ITEM,
  lockRun,
  type OperatorChange,
  RUN_FORMAT,
  RUN_ITEM,
  type RunRecord,
  type RunStatus,
} from '../../core/records.ts';
import { type NewRun, RunStore } from '../../core/run-store.ts';
import { useEngine } from '../support/engine.ts';
import { LossyClient, ReplyLostError, sentTwice } from '../support/lossy-client.ts';
import { newRun, rates } from '../support/records.ts';

const engine = useEngine();
let table: ControlTable;
let runs: RunStore;

beforeEach(async () => {
  table = await engine.createControlTable();
  runs = new RunStore(table);
});

const ARN = newRun().tableArn;
const lockOf = (tableArn: string) => ({ run: lockRun({ tableArn, dryRun: false }), item: LOCK_ITEM });
const lock = () => table.get(lockOf(ARN));
const supervisionOf = ({ runId, epoch }: RunRecord) => ({ runId, epoch });

const change = (id: string, what: OperatorChange['what'] = 'resume'): OperatorChange => ({
  id,
  what,
  at: '2026-01-01T00:00:00.000Z',
  by: 'someone',
  detail: '',
});

/** Brings a run into a state by allowed steps, as its supervisor would. */
async function bring(run: RunRecord, ...through: RunStatus[]): Promise<RunRecord> {
  let record = run;
  for (const status of through) record = await runs.supervise(supervisionOf(record), () => ({ status }));
  return record;
}

/** The same store with a client that the test can disturb. */
async function disturbed(): Promise<{ lossy: LossyClient; runs: RunStore; table: ControlTable }> {
  const created: LossyClient[] = [];
  const own = await engine.createControlTable(client => {
    const lossy = new LossyClient(client);
    created.push(lossy);
    return lossy.client;
  });
  const [lossy] = created;
  if (!lossy) throw new Error('No client was made.');
  return { lossy, runs: new RunStore(own), table: own };
}

describe('a new run', () => {
  test('holds the table from the moment it exists', async () => {
    const created = await runs.create(newRun());
    expect(created).toMatchObject({ ...newRun(), version: 1, epoch: 1 });
    expect(await runs.read('run-1')).toEqual(created);
    expect(await runs.holderOf(ARN)).toEqual({ runId: 'run-1', retry: undefined });
  });

  test('is refused while an unfinished one holds the table, whatever its attribute', async () => {
    await runs.create(newRun());
    const other = runs.create(newRun({ runId: 'run-2', attribute: 'another' }));
    await expect(other).rejects.toThrow(TableLockedError);
    await expect(other).rejects.toMatchObject({ holder: 'run-1' });
    expect(await runs.read('run-2')).toBeUndefined();
  });

  test.each<[RunStatus, RunStatus[]]>([
    ['running', []],
    ['verifying', ['verifying']],
    ['paused', ['paused']],
    ['failed', ['failed']],
  ])('is refused while the other one is %s', async (_, through) => {
    await bring(await runs.create(newRun()), ...through);
    await expect(runs.create(newRun({ runId: 'run-2' }))).rejects.toThrow(TableLockedError);
  });

  test.each<[RunStatus, RunStatus[]]>([
    ['verified', ['verifying', 'verified']],
    ['quarantined', ['verifying', 'quarantined']],
    ['incomplete', ['verifying', 'incomplete']],
    ['cancelled', ['cancelled']],
    ['dry-run', ['dry-run']],
    ['canary', ['verifying', 'canary']],
  ])('may begin when the other one is %s, and its lock is gone', async (status, through) => {
    expect((await bring(await runs.create(newRun()), ...through)).status).toBe(status);
    expect(await lock()).toBeUndefined();
    expect((await runs.create(newRun({ runId: 'run-2' }))).runId).toBe('run-2');
  });

  test('of another table is not in the way', async () => {
    await runs.create(newRun());
    await expect(runs.create(newRun({ runId: 'run-2', tableArn: `${ARN}-2` }))).resolves.toBeDefined();
  });

  test('that only reads may begin beside it, but only one such run', async () => {
    await runs.create(newRun());
    await runs.create(newRun({ runId: 'run-2', dryRun: true }));
    const third = runs.create(newRun({ runId: 'run-3', dryRun: true }));
    await expect(third).rejects.toMatchObject({ holder: 'run-2' });
    expect(await runs.holderOf(ARN)).toEqual({ runId: 'run-1', retry: undefined });
  });

  test('of many that start together, exactly one begins', async () => {
    const starting = Array.from({ length: 8 }, (_, index) => runs.create(newRun({ runId: `run-${index}` })));
    const results = await Promise.allSettled(starting);
    const begun = results.filter(({ status }) => status === 'fulfilled');
    expect(begun).toHaveLength(1);
    for (const result of results) {
      if (result.status === 'rejected') expect(result.reason).toBeInstanceOf(TableLockedError);
    }
    expect(await runs.list()).toHaveLength(1);
  });

  test('takes over a lock whose run has ended, should one be left behind', async () => {
    const ended = await bring(await runs.create(newRun()), 'cancelled');
    await table.put({ ...lockOf(ARN), holder: ended.runId }, []);
    expect(await runs.holderOf(ARN)).toBeUndefined();
    await expect(runs.create(newRun({ runId: 'run-2' }))).resolves.toMatchObject({ runId: 'run-2' });
    expect(await runs.holderOf(ARN)).toEqual({ runId: 'run-2', retry: undefined });
  });

  test('does not take a lock whose run cannot be read: it may be about to appear', async () => {
    await table.put({ ...lockOf(ARN), holder: 'unknown' }, []);
    await expect(runs.create(newRun())).rejects.toMatchObject({ holder: 'unknown' });
  });

  test('whose reply was lost is recognised as one’s own', async () => {
    const twice = new RunStore(await engine.createControlTable(sentTwice));
    const created = await twice.create(newRun());
    expect(created).toMatchObject({ runId: 'run-1', epoch: 1, version: 1 });
    await expect(twice.create(newRun({ runId: 'run-2' }))).rejects.toThrow(TableLockedError);
  });
});

describe('a supervisor’s write', () => {
  test('raises the version and changes what it says, nothing else', async () => {
    const run = await runs.create(newRun());
    const written = await runs.supervise(supervisionOf(run), () => ({ missing: 3 }));
    expect(written).toEqual({ ...run, missing: 3, version: 2, supervisorWrite: expect.any(String) });
    expect(await runs.read('run-1')).toEqual(written);
  });

  test('of nothing writes nothing', async () => {
    const run = await runs.create(newRun());
    await runs.supervise(supervisionOf(run), () => undefined);
    expect(await runs.read('run-1')).toEqual(run);
  });

  test('sees what an operator changed in the meantime, and keeps it', async () => {
    const run = await runs.create(newRun());
    let looks = 0;
    const seen: unknown[] = [];
    const paused = runs.operate('run-1', change('c1', 'pause'), { desired: 'pause' });
    await paused;
    await runs.supervise(supervisionOf(run), record => {
      looks += 1;
      seen.push(record.desired);
      return { missing: 1 };
    });
    expect(seen).toEqual(['pause']);
    expect(looks).toBe(1);
    expect(await runs.read('run-1')).toMatchObject({ desired: 'pause', missing: 1 });
  });

  test('that meets a change between its reading and its writing begins again', async () => {
    const { lossy, runs: own, table: same } = await disturbed();
    const run = await own.create(newRun());
    const behind = new RunStore(same);
    let looks = 0;
    await own.supervise(supervisionOf(run), record => {
      looks += 1;
      if (looks === 1)
        lossy.meanwhile = () => behind.operate('run-1', change('c1', 'rate'), { rates: rates(7) });
      return { missing: Number(record.rates.writeUnitsPerSecond) };
    });
    expect(looks).toBe(2);
    expect(await own.read('run-1')).toMatchObject({ rates: rates(7), missing: 7 });
  });

  test('of one who was superseded is refused, and says so', async () => {
    const run = await runs.create(newRun());
    await runs.takeOver('run-1', change('c1'), {});
    const written = runs.supervise(supervisionOf(run), () => ({ missing: 1 }));
    await expect(written).rejects.toThrow(SupersededError);
    expect((await runs.read('run-1'))?.missing).toBeUndefined();
  });

  test('of one who is superseded between reading and writing is refused too', async () => {
    const { lossy, runs: own } = await disturbed();
    const run = await own.create(newRun());
    const written = own.supervise(supervisionOf(run), () => {
      lossy.meanwhile = () => own.takeOver('run-1', change('c1'), {});
      return { missing: 1 };
    });
    await expect(written).rejects.toThrow(SupersededError);
    expect((await own.read('run-1'))?.missing).toBeUndefined();
  });

  test('whose reply was lost is applied once', async () => {
    const twice = new RunStore(await engine.createControlTable(sentTwice));
    const run = await twice.create(newRun());
    let looks = 0;
    const written = await twice.supervise(supervisionOf(run), record => {
      looks += 1;
      return { activeMs: record.activeMs + 1_000 };
    });
    expect(written.activeMs).toBe(1_000);
    expect(looks).toBe(1);
    expect((await twice.read('run-1'))?.version).toBe(2);
  });

  test('may not make a transition that the table does not list', async () => {
    const run = await runs.create(newRun());
    await expect(bring(run, 'verified')).rejects.toThrow('A run that is running cannot become verified.');
    const ended = await bring(run, 'cancelled');
    await expect(bring(ended, 'running')).rejects.toThrow('A run that is cancelled cannot become running.');
  });

  test('about a run that is gone says so', async () => {
    await expect(runs.supervise({ runId: 'run-9', epoch: 1 }, () => ({}))).rejects.toThrow(/run-9 is gone/);
  });
});

describe('the end of a run', () => {
  test('and the release of its table are one step', async () => {
    const run = await runs.create(newRun());
    await bring(run, 'verifying', 'verified');
    expect(await lock()).toBeUndefined();
    expect((await runs.read('run-1'))?.status).toBe('verified');
  });

  test('comes although someone has removed its lock by hand, and leaves the lock of another run alone', async () => {
    const run = await runs.create(newRun());
    await table.put({ ...lockOf(ARN), holder: 'run-2' }, []);
    await bring(run, 'cancelled');
    expect((await runs.read('run-1'))?.status).toBe('cancelled');
    expect(await lock()).toMatchObject({ holder: 'run-2' });

    const other = await runs.create(newRun({ runId: 'run-3', tableArn: `${ARN}-3` }));
    await table.transact([table.conditionalDelete(lockOf(`${ARN}-3`), [])]);
    expect((await bring(other, 'cancelled')).status).toBe('cancelled');
  });

  test('whose reply was lost is an end', async () => {
    const own = await engine.createControlTable(sentTwice);
    const twice = new RunStore(own);
    const run = await twice.create(newRun());
    const ended = await twice.supervise(supervisionOf(run), () => ({ status: 'cancelled' }));
    expect(ended.status).toBe('cancelled');
    expect(await own.get(lockOf(ARN))).toBeUndefined();
  });
});

describe('taking the supervision over', () => {
  test('raises the epoch, says who did, and the older one is out', async () => {
    const run = await runs.create(newRun());
    const taken = await runs.takeOver('run-1', change('c1'), { desired: 'run' });
    expect(taken).toMatchObject({ epoch: 2, version: 2, status: 'running', changes: [change('c1')] });
    await expect(runs.readAsSupervisor(supervisionOf(run))).rejects.toThrow(SupersededError);
    await expect(runs.readAsSupervisor({ runId: 'run-1', epoch: 2 })).resolves.toEqual(taken);
  });

  test.each<[RunStatus, RunStatus[], RunStatus]>([
    ['paused', ['paused'], 'running'],
    ['failed', ['failed'], 'running'],
    ['verifying', ['verifying'], 'verifying'],
  ])('of a run that is %s', async (_, through, becomes) => {
    await bring(await runs.create(newRun()), ...through);
    expect((await runs.takeOver('run-1', change('c1'), { desired: 'run' }))?.status).toBe(becomes);
  });

  test('forgets why it was stopped', async () => {
    const run = await runs.create(newRun());
    await runs.supervise(supervisionOf(run), () => ({
      desired: 'stop',
      stopReason: { kind: 'failed', message: 'no permission' },
    }));
    const taken = await runs.takeOver('run-1', change('c1'), { desired: 'run' });
    expect(taken).toMatchObject({ desired: 'run' });
    expect(taken?.stopReason).toBeUndefined();
  });

  test.each<RunStatus[]>([['verifying', 'verified'], ['cancelled'], ['verifying', 'incomplete']])(
    'of a finished run (%s, %s) writes nothing',
    async (...through) => {
      const ended = await bring(await runs.create(newRun()), ...through.filter(Boolean));
      expect(await runs.takeOver('run-1', change('c1'), { desired: 'run' })).toEqual(ended);
      expect(await runs.read('run-1')).toEqual(ended);
    },
  );

  test('whose reply was lost is one take-over, not two', async () => {
    const twice = new RunStore(await engine.createControlTable(sentTwice));
    await twice.create(newRun());
    const taken = await twice.takeOver('run-1', change('c1'), {});
    expect(taken).toMatchObject({ epoch: 2, changes: [change('c1')] });
  });

  test('by two at once makes one of them the supervisor', async () => {
    await runs.create(newRun());
    await Promise.all(['a', 'b'].map(id => runs.takeOver('run-1', change(id), {})));
    const record = await runs.read('run-1');
    expect(record?.epoch).toBe(3);
    expect(record?.changes.map(({ id }) => id).sort()).toEqual(['a', 'b']);
  });

  test('does not undo a cancel, not even one made between its reading and its writing', async () => {
    const { lossy, runs: own } = await disturbed();
    await own.create(newRun());
    const stopReason = { kind: 'cancelled', message: 'by someone' } as const;
    lossy.meanwhile = () => own.operate('run-1', change('c1', 'cancel'), { desired: 'stop', stopReason });
    const resume = own.takeOver('run-1', change('c2'), { desired: 'run' });
    await expect(resume).rejects.toThrow('Run run-1 is being cancelled and cannot be resumed.');
    expect(await own.read('run-1')).toMatchObject({ epoch: 1, desired: 'stop', stopReason });
  });

  test('of an unknown run is nothing', async () => {
    expect(await runs.takeOver('run-9', change('c1'), {})).toBeUndefined();
  });
});

describe('going on at an epoch', () => {
  const besidesEpoch = ({ version, epoch, supervisorWrite, ...rest }: RunRecord) => rest;

  test('raises the epoch, changes nothing else, and the older supervisor is out', async () => {
    const run = await runs.create(newRun());
    const taken = await runs.takeOverAt('run-1', 1);
    expect(taken).toMatchObject({ epoch: 2, version: 2 });
    expect(besidesEpoch(taken as RunRecord)).toEqual(besidesEpoch(run));
    expect(await runs.read('run-1')).toEqual(taken);
    await expect(runs.readAsSupervisor(supervisionOf(run))).rejects.toThrow(SupersededError);
  });

  test.each<[what: string, edit: Partial<RunRecord>]>([
    ['a pause', { desired: 'pause' }],
    ['a cancel', { desired: 'stop', stopReason: { kind: 'cancelled', message: 'by someone' } }],
    ["a guardrail's stop", { desired: 'stop', stopReason: { kind: 'failed', message: 'too dear' } }],
  ])('leaves %s as it is, also one made between its reading and its writing', async (_, edit) => {
    const { lossy, runs: own } = await disturbed();
    const run = await own.create(newRun());
    lossy.meanwhile = () => own.supervise(supervisionOf(run), () => edit);
    const taken = await own.takeOverAt('run-1', 1);
    expect(taken).toMatchObject({ epoch: 2, status: 'running', ...edit });
  });

  test.each<RunStatus>(['paused', 'failed', 'verifying'])(
    'of a run that is %s leaves it so',
    async status => {
      await bring(await runs.create(newRun()), status);
      expect(await runs.takeOverAt('run-1', 1)).toMatchObject({ epoch: 2, status });
    },
  );

  test('is refused when somebody took over before, and writes nothing', async () => {
    await runs.create(newRun());
    const taken = await runs.takeOver('run-1', change('c1'), {});
    await expect(runs.takeOverAt('run-1', 1)).rejects.toThrow(SupersededError);
    expect(await runs.read('run-1')).toEqual(taken);
  });

  test('by two at once makes one of them the supervisor', async () => {
    await runs.create(newRun());
    const both = await Promise.allSettled([runs.takeOverAt('run-1', 1), runs.takeOverAt('run-1', 1)]);
    expect(both.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    expect((await runs.read('run-1'))?.epoch).toBe(2);
  });

  test('whose reply was lost is one take-over', async () => {
    const twice = new RunStore(await engine.createControlTable(sentTwice));
    await twice.create(newRun());
    expect(await twice.takeOverAt('run-1', 1)).toMatchObject({ epoch: 2 });
  });

  test('of a finished run writes nothing', async () => {
    const ended = await bring(await runs.create(newRun()), 'verifying', 'verified');
    expect(await runs.takeOverAt('run-1', 1)).toEqual(ended);
    expect(await runs.read('run-1')).toEqual(ended);
  });
});

describe('the format of a record', () => {
  test('is written with it, and one without any can be read', async () => {
    expect((await runs.create(newRun())).format).toBe(RUN_FORMAT);
    const { format: _, ...old } = { ...(await runs.read('run-1')) } as RunRecord;
    await table.put(toItem(old, RUN_ITEM), []);
    expect(await runs.read('run-1')).toEqual(old);
  });

  test('of a later version is refused by whoever reads it, supervises it or would release its lock', async () => {
    const run = await runs.create(newRun());
    const later: RunRecord = { ...run, format: RUN_FORMAT + 1 };
    await table.put(toItem(later, RUN_ITEM), []);
    const refusal = {
      name: 'UnknownFormatError',
      message: expect.stringContaining(`format ${RUN_FORMAT + 1}`),
    };
    await expect(runs.read('run-1')).rejects.toMatchObject(refusal);
    await expect(runs.takeOverAt('run-1', 1)).rejects.toThrow(UnknownFormatError);
    await expect(runs.takeOver('run-1', change('c1'), {})).rejects.toThrow(UnknownFormatError);
    await expect(runs.supervise(supervisionOf(run), () => ({}))).rejects.toThrow(UnknownFormatError);
    await expect(runs.create(newRun({ runId: 'run-2' }))).rejects.toThrow(UnknownFormatError);
  });
});

describe('an operator’s change', () => {
  test('is applied and recorded, and leaves the supervisor in its place', async () => {
    const run = await runs.create(newRun());
    const changed = await runs.operate('run-1', change('c1', 'rate'), { rates: rates(50) });
    expect(changed).toEqual({ ...run, rates: rates(50), changes: [change('c1', 'rate')], version: 2 });
    await expect(runs.readAsSupervisor(supervisionOf(run))).resolves.toBeDefined();
  });

  test('is applied once, however often it is sent', async () => {
    const twice = new RunStore(await engine.createControlTable(sentTwice));
    await twice.create(newRun());
    await twice.operate('run-1', change('c1', 'pause'), { desired: 'pause' });
    await twice.operate('run-1', change('c1', 'pause'), { desired: 'pause' });
    expect((await twice.read('run-1'))?.changes).toHaveLength(1);
  });

  test('that failed on the way can be repeated with its id', async () => {
    const { lossy, runs: own } = await disturbed();
    await own.create(newRun());
    // The first request reads, the second writes.
    lossy.loseReplyTo = lossy.sent + 1;
    await expect(own.operate('run-1', change('c1', 'pause'), { desired: 'pause' })).rejects.toThrow(
      ReplyLostError,
    );
    const again = await own.operate('run-1', change('c1', 'pause'), { desired: 'pause' });
    expect(again).toMatchObject({ desired: 'pause', changes: [change('c1', 'pause')] });
  });

  test('is not lost when many come at once', async () => {
    await runs.create(newRun());
    const ids = Array.from({ length: 6 }, (_, index) => `c${index}`);
    await Promise.all(ids.map(id => runs.operate('run-1', change(id, 'rate'), { rates: rates(50) })));
    expect((await runs.read('run-1'))?.changes.map(({ id }) => id).sort()).toEqual(ids);
  });

  test('of a finished run changes nothing', async () => {
    const ended = await bring(await runs.create(newRun()), 'cancelled');
    expect(await runs.operate('run-1', change('c1', 'pause'), { desired: 'pause' })).toEqual(ended);
  });

  test('of an unknown run is nothing', async () => {
    expect(await runs.operate('run-9', change('c1', 'pause'), {})).toBeUndefined();
  });
});

describe('concluding a run that nobody supervises', () => {
  const CANCEL = { desired: 'stop', stopReason: { kind: 'cancelled', message: 'by someone' } } as const;
  const AT = '2026-01-01T00:01:00.000Z';

  test.each([
    ['paused', { desired: 'pause' } as const, true],
    ['cancelled', CANCEL, false],
    ['failed', { desired: 'stop', stopReason: { kind: 'failed', message: 'm' } } as const, true],
  ])('that is to be %s', async (status, edit, holds) => {
    await runs.create(newRun());
    await runs.operate('run-1', change('c1', 'pause'), edit);
    expect((await runs.conclude('run-1', AT))?.status).toBe(status);
    expect((await lock()) !== undefined).toBe(holds);
  });

  test('leaves a run alone that is wanted again', async () => {
    const run = await runs.create(newRun());
    expect(await runs.conclude('run-1', AT)).toEqual(run);
  });

  test('is done once, whoever else does it at the same time', async () => {
    const run = await runs.create(newRun());
    await runs.operate('run-1', change('c1', 'cancel'), CANCEL);
    const [first, second] = await Promise.all([
      runs.conclude('run-1', AT),
      runs.supervise(supervisionOf(run), record =>
        record.status === 'cancelled' ? undefined : { status: 'cancelled' },
      ),
    ]);
    expect([first?.status, second.status]).toEqual(['cancelled', 'cancelled']);
    expect(await lock()).toBeUndefined();
  });
});

describe('lists', () => {
  test('show the newest run first', async () => {
    for (const [run, createdAt] of [
      ['run-a', '2026-01-02'],
      ['run-b', '2026-01-03'],
      ['run-c', '2026-01-01'],
    ] as const) {
      await runs.create(
        newRun({ runId: run, createdAt, tableArn: `${ARN}-${run}` } satisfies Partial<NewRun>),
      );
    }
    expect((await runs.list()).map(({ runId: run }) => run)).toEqual(['run-b', 'run-a', 'run-c']);
  });

  test('do not read the undo log, however long it is', async () => {
    const asked: string[] = [];
    const own = await engine.createControlTable(client => {
      const send = async (command: never) => {
        asked.push((command as { constructor: { name: string } }).constructor.name);
        return client.send(command);
      };
      return { send } as unknown as typeof client;
    });
    const listed = new RunStore(own);
    await listed.create(newRun());
    expect(asked).toContain('ScanCommand');
    asked.length = 0;
    await listed.create(newRun({ runId: 'run-2', tableArn: `${ARN}-2` }));
    expect((await listed.list()).map(({ runId }) => runId).sort()).toEqual(['run-1', 'run-2']);
    expect(asked).not.toContain('ScanCommand');
  });

  test('find the runs of a control table from before there was a list, and write nothing', async () => {
    const other = new RunStore(await engine.createControlTable());
    await table.put(toItem(await other.create(newRun({ runId: 'run-old' })), RUN_ITEM), []);
    const ids = async () => (await runs.list()).map(({ runId }) => runId).sort();
    expect(await ids()).toEqual(['run-old']);
    expect(await table.query('RUNS', '')).toEqual([]);
    await runs.create(newRun({ runId: 'run-2', tableArn: `${ARN}-2` }));
    expect((await table.query('RUNS', '')).map(({ item }) => item)).toEqual([
      'COMPLETE',
      'LISTED#run-2',
      'LISTED#run-old',
    ]);
    expect(await ids()).toEqual(['run-2', 'run-old']);
  });

  test('are right after a run that could not complete the list of older ones', async () => {
    table.put = () => Promise.reject(new Error('AccessDeniedException'));
    await runs.create(newRun());
    expect(await runs.list()).toHaveLength(1);
  });

  test('show verifications in order of their pass', async () => {
    const verification = (pass: number) => ({
      runId: 'run-1',
      pass,
      totalSegments: 3,
      startedAt: '',
      finishedAt: '',
      scanned: 10,
      missing: 0,
      nulls: 0,
      keys: [],
      readUnits: 1.5,
    });
    for (const pass of [10, 2, 1]) await runs.writeVerification(verification(pass));
    expect((await runs.verifications('run-1')).map(({ pass }) => pass)).toEqual([1, 2, 10]);
  });
});
