// Safeguards, each with an edit that removes it and the test that must then fail. The test is the protocol's model,
// which explores interleavings, or a case of the reliability suite, which runs the bundles as processes. Some
// situations are too rare for processes, because the SDK repeats a transaction with its token. For them it is the test
// of a store on a real engine with lost replies.

const MODEL = { vitest: 'test/model/protocol.test.ts' };

/**
 * The model meets some situations only rarely, so a test of the part itself runs too.
 * @param {string} file
 */
const modelAnd = file => ({ vitest: `test/model/protocol.test.ts ${file}` });

const UNDO_LOG = { vitest: 'test/core/undo/log-writer.test.ts' };
const RECIPE_WRITES = { vitest: 'test/job/recipe-writes.test.ts' };
/** Words of a test's name, with dots for spaces. @param {string} file @param {string} words */
const one = (file, words) => ({ vitest: `${file} --retry=0 -t ${words}` });
const UNDO_STAGES = { vitest: 'test/job/undo-stages.test.ts' };

/** @param {number} number @param {string[]} more */
const reliability = (number, ...more) => ({ reliability: ['--case', String(number), '--short', ...more] });

/**
 * The proof before a run would find exactly these mutations. This edit blinds it, so that the case itself must find
 * them.
 */
const BLIND_PROOF = {
  file: 'orchestrator/plan/engine-proof.ts',
  from: 'if (!sameItem(Item, expected)) findings.push',
  to: "if (name === 'never') findings.push",
};

/**
 * @typedef {{ file: string, from: string, to: string }} Edit
 * @typedef {{ vitest: string } | { reliability: string[] }} Judge
 * @type {{ name: string, edits: Edit[], test: Judge }[]}
 */
export const MUTATIONS = [
  {
    name: 'checkpoint without its sequence',
    edits: [
      {
        file: 'core/segment-store.ts',
        from: '[OWNED_BY_ME, SAME_PASS, RUNNING, LATER_SEQUENCE],',
        to: '[OWNED_BY_ME, SAME_PASS, RUNNING],',
      },
    ],
    test: MODEL,
  },
  {
    name: 'checkpoint by whoever comes',
    edits: [
      {
        file: 'core/segment-store.ts',
        from: '[OWNED_BY_ME, SAME_PASS, RUNNING, LATER_SEQUENCE],',
        to: '[SAME_PASS, RUNNING],',
      },
    ],
    test: MODEL,
  },
  {
    name: 'checkpoint past an open page',
    edits: [
      {
        file: 'job/settled-prefix.ts',
        from: 'for (let head = this.#open[0]; head?.unsettled === 0; head = this.#open[0]) {',
        to: 'for (let head = this.#open[0]; head; head = this.#open[0]) {',
      },
    ],
    test: MODEL,
  },
  {
    name: 'requests without authority',
    edits: [
      {
        file: 'core/authority.ts',
        from: 'while (this.#hasLapsed() || this.#lost.signal.aborted) {',
        to: 'while (this.#lost.signal.aborted) {',
      },
    ],
    test: MODEL,
  },
  {
    name: 'authority from the end of a heartbeat',
    edits: [
      {
        file: 'core/authority.ts',
        from: 'held ? startedAtMs + authorityMs',
        to: 'held ? clock.monotonicMs() + authorityMs',
      },
      {
        file: 'core/authority.ts',
        from: 'this.#wallDeadlineMs = startedAtWallMs +',
        to: 'this.#wallDeadlineMs = wallMs(clock) +',
      },
    ],
    test: MODEL,
  },
  {
    name: 'authority that a suspended machine keeps',
    edits: [
      {
        file: 'core/authority.ts',
        from: ' || wallMs(clock) >= this.#wallDeadlineMs',
        to: '',
      },
    ],
    test: MODEL,
  },
  {
    name: 'fence without waiting',
    edits: [
      {
        file: 'orchestrator/fleet/task-watch.ts',
        from: 'task.heartbeat > 0 ? this.#options.authorityMs + SLACK_MS : START_LIMIT_MS;',
        to: 'task.heartbeat > 0 ? SLACK_MS : START_LIMIT_MS;',
      },
    ],
    test: MODEL,
  },
  {
    name: 'fence whatever heartbeat came',
    edits: [
      {
        file: 'core/task-store.ts',
        from: '[IN_AUTHORITY, SAME_HEARTBEAT],',
        to: '[IN_AUTHORITY],',
      },
    ],
    test: MODEL,
  },
  {
    name: 'grant out of order',
    edits: [
      {
        file: 'core/task-store.ts',
        from: '[IN_AUTHORITY, SAME_EPOCH, LATER_RENEWAL],',
        to: '[IN_AUTHORITY, SAME_EPOCH],',
      },
    ],
    test: modelAnd('test/core/task-store.test.ts'),
  },
  {
    name: 'share handed on before it was given back',
    edits: [
      {
        file: 'orchestrator/supervise/budget.ts',
        from: 'const known = task.seenRenewal === task.renewal ? task.granted : task.held;',
        to: 'const known = task.granted;',
      },
    ],
    test: MODEL,
  },
  {
    name: 'grants of a superseded supervisor',
    edits: [
      {
        file: 'core/task-store.ts',
        from: '[IN_AUTHORITY, SAME_EPOCH, LATER_RENEWAL],',
        to: '[IN_AUTHORITY, LATER_RENEWAL],',
      },
    ],
    test: MODEL,
  },
  {
    name: 'launch by a superseded supervisor',
    edits: [
      {
        file: 'core/task-store.ts',
        from: '[SAME_EPOCH, RUN_IS_WANTED], {',
        to: '[RUN_IS_WANTED], {',
      },
    ],
    test: MODEL,
  },
  {
    name: 'hand-over that asks for no epoch',
    edits: [{ file: 'core/run-store.ts', from: 'if (record.epoch !== expectedEpoch) {', to: 'if (false) {' }],
    test: { vitest: 'test/core/run-store.test.ts' },
  },
  {
    name: 'hand-over that undoes a pause',
    edits: [
      {
        file: 'core/run-store.ts',
        from: '        epoch: expectedEpoch + 1,',
        to: "        desired: 'run',\n        epoch: expectedEpoch + 1,",
      },
    ],
    test: { vitest: 'test/core/run-store.test.ts' },
  },
  {
    name: "somebody's resume taken for the task's",
    edits: [
      {
        file: 'orchestrator/supervise/hand-over.ts',
        from: 'now.epoch - run.epoch > resumesSince(run.changes, now.changes)',
        to: 'now.epoch > run.epoch',
      },
    ],
    test: { vitest: 'test/orchestrator/supervise/hand-over.test.ts' },
  },
  {
    name: 'record of a later version read as if it were known',
    edits: [
      {
        file: 'core/run-store.ts',
        from: "Number(item['format'] ?? 0) > RUN_FORMAT",
        to: "Number(item['format'] ?? 0) < 0",
      },
    ],
    test: { vitest: 'test/core/run-store.test.ts' },
  },
  {
    name: 'wait that takes an unreadable table for an unsupervised run',
    edits: [
      {
        file: 'orchestrator/dashboard/await-end.ts',
        from: 'if (snapshot.unreadable) return;',
        to: '',
      },
    ],
    test: { vitest: 'test/orchestrator/dashboard/await-end.test.ts' },
  },
  {
    name: 'a start that returns before its task has taken over',
    edits: [
      {
        file: 'orchestrator/supervise/hand-over.ts',
        from: '    await this.#watch(taskArn, signal);\n',
        to: "    output.event('run.detached', { taskArn });\n    process.exit(0);\n",
      },
    ],
    test: one('test/e2e/detach.test.ts', 'the.supervision.goes.to'),
  },
  {
    name: 'a supervisor of an earlier epoch that supervises on',
    edits: [{ file: 'core/run-store.ts', from: 'if (record.epoch !== epoch) {', to: 'if (false) {' }],
    test: { vitest: 'test/core/run-store.test.ts' },
  },
  {
    name: 'a second supervisor that leaves as if by an internal error',
    edits: [
      {
        file: 'orchestrator/cli/exit-codes.ts',
        from: 'error instanceof TableLockedError || error instanceof SupersededError',
        to: 'error instanceof TableLockedError',
      },
    ],
    test: { vitest: 'test/orchestrator/cli/exit-codes.test.ts' },
  },
  {
    name: 'a grant that nobody renews and that stays whole',
    edits: [{ file: 'core/rate/rate-control.ts', from: 'if (aloneMs <= 0 ||', to: 'if (true ||' }],
    test: { vitest: 'test/core/rate/rate-control.test.ts' },
  },
  {
    name: 'a wait that supervises',
    edits: [
      {
        file: 'orchestrator/commands/wait.ts',
        from: '  context.output.setRun(run.runId);\n',
        to: '  context.output.setRun(run.runId);\n  await stores.runs.takeOverAt(run.runId, run.epoch);\n',
      },
    ],
    test: one('test/e2e/wait.test.ts', 'nobody.has.supervised'),
  },
  {
    name: 'a wait that forgets how the run ended',
    edits: [
      {
        file: 'orchestrator/commands/wait.ts',
        from: 'return await finish({ stores, output }, run);',
        to: 'await finish({ stores, output }, run);\n      return EXIT.ok;',
      },
    ],
    test: one('test/e2e/detach.test.ts', 'a.run.that.is.cancelled'),
  },
  {
    name: 'run record without its version',
    edits: [
      {
        file: 'core/run-store.ts',
        from: '[SAME_VERSION, ...further], {',
        to: '[...further], {',
      },
    ],
    test: MODEL,
  },
  {
    name: 'end without looking at the tasks',
    edits: [
      {
        file: 'orchestrator/supervise/supervisor.ts',
        from: '    if (!this.#watch.allEnded(await stores.tasks.list(run.runId))) return false;\n    if (states.failed',
        to: '    if (states.failed',
      },
    ],
    test: MODEL,
  },
  {
    name: 'a segment taken from its living owner',
    edits: [
      {
        file: 'orchestrator/supervise/staffing.ts',
        from: 'if (!task || isInAuthority(task.status)) continue;',
        to: "if (!task || task.status === 'launching') continue;",
      },
    ],
    test: MODEL,
  },
  {
    name: 'statement without its condition: found by the proof before the run',
    edits: [
      {
        file: 'core/item-write.ts',
        from: '...targets.map(target =>',
        to: '...[].map(target =>',
      },
    ],
    test: reliability(2),
  },
  {
    name: 'statement without its condition, and a blind proof',
    edits: [
      {
        file: 'core/item-write.ts',
        from: '...targets.map(target =>',
        to: '...[].map(target =>',
      },
      BLIND_PROOF,
    ],
    test: reliability(2),
  },
  {
    name: 'UpdateItem that overwrites, and a blind proof',
    edits: [
      {
        file: 'core/item-write.ts',
        from: 'conditions.push(`attribute_not_exists(#target',
        to: 'void (`attribute_not_exists(#target',
      },
      BLIND_PROOF,
    ],
    test: reliability(2),
  },
  {
    name: 'UpdateItem that creates, and a blind proof',
    edits: [
      {
        file: 'core/item-write.ts',
        from: "const conditions = ['attribute_exists(#partitionKey)'];",
        to: 'const conditions: string[] = [];',
      },
      BLIND_PROOF,
    ],
    test: reliability(2),
  },
  {
    name: 'no look at the authority before the socket, and none after the wait for the budget',
    edits: [
      { file: 'core/agents.ts', from: '      assertMaySend();\n', to: '' },
      {
        file: 'job/user-table.ts',
        from: '      await mayWrite?.(now);\n      await authority.held(now);',
        to: '      await mayWrite?.(now);',
      },
    ],
    test: reliability(10, '--seeds', '4'),
  },
  {
    name: 'no look at the authority before the socket',
    edits: [{ file: 'core/agents.ts', from: '      assertMaySend();\n', to: '' }],
    test: { vitest: 'test/core/agents.test.ts' },
  },
  {
    name: 'the authority is not asked of a socket behind a proxy',
    edits: [
      {
        file: 'core/agents.ts',
        from: 'return socket.writable ? guarded(await connected(socket), this.#rules) : socket;',
        to: 'return socket.writable ? connected(socket) : socket;',
      },
    ],
    test: { vitest: 'test/core/agents.test.ts' },
  },
  {
    name: 'a reply about credentials is believed the first time',
    edits: [
      {
        file: 'core/failure.ts',
        from: "  if (CREDENTIALS.includes(name) || ASSUMING_A_ROLE.test(message)) return 'credentials';\n",
        to: '',
      },
    ],
    test: { vitest: 'test/core/failure.test.ts test/core/settle-wire.test.ts' },
  },
  {
    name: 'an error without a status is no lost reply',
    edits: [
      {
        file: 'core/failure.ts',
        from: 'if (status === undefined) return kindWithoutStatus(error, fields);',
        to: "if (status === undefined) return 'final';",
      },
    ],
    test: { vitest: 'test/core/failure.test.ts test/core/settle-wire.test.ts' },
  },
  {
    name: 'what is doubted is never believed',
    edits: [{ file: 'core/doubt.ts', from: '    return this.#believed;', to: '    return false;' }],
    test: { vitest: 'test/core/doubt.test.ts' },
  },
  {
    name: 'a frozen process believes its own freeze',
    edits: [
      {
        file: 'core/doubt.ts',
        from: 'this.#since?.kind !== kind || nowMs - this.#lastAtMs > LONGEST_GAP_MS',
        to: 'this.#since?.kind !== kind',
      },
    ],
    test: { vitest: 'test/core/doubt.test.ts' },
  },
  {
    name: 'a reader that goes away ends the supervision',
    edits: [{ file: 'orchestrator/cli/streams.ts', from: '    if (!this.#needed) return;\n', to: '' }],
    test: { vitest: 'test/e2e/operator-place.test.ts' },
  },
  {
    name: 'the process ends before its words are taken',
    edits: [{ file: 'orchestrator/main.ts', from: 'endWith(await streams.drain());', to: 'endWith();' }],
    test: { vitest: 'test/e2e/operator-place.test.ts' },
  },
  {
    name: 'checkpoint past an open page, in processes that are killed',
    edits: [
      {
        file: 'job/settled-prefix.ts',
        from: 'for (let head = this.#open[0]; head?.unsettled === 0; head = this.#open[0]) {',
        to: 'for (let head = this.#open[0]; head; head = this.#open[0]) {',
      },
    ],
    test: reliability(3),
  },
  {
    name: 'verification that is not strongly consistent',
    edits: [
      {
        file: 'orchestrator/verify/verification.ts',
        from: 'ConsistentRead: true,',
        to: 'ConsistentRead: false,',
      },
    ],
    test: reliability(14),
  },
  {
    name: 'a lock whose reply was lost is another one',
    edits: [
      {
        file: 'core/run-store.ts',
        from: "if (now['holder'] === run.runId) return",
        to: "if (now['holder'] === 'nobody') return",
      },
    ],
    test: { vitest: 'test/core/run-store.test.ts' },
  },
  {
    name: 'a launch whose reply was lost is none',
    edits: [
      {
        file: 'core/task-store.ts',
        from: 'a yes.\n    return created || (await this.read(launch.runId, launch.launchId)) !== undefined;',
        to: 'a yes.\n    return created;',
      },
    ],
    test: { vitest: 'test/core/task-store.test.ts' },
  },
  {
    name: 'a checkpoint whose reply was lost is not mine',
    edits: [
      {
        file: 'core/segment-store.ts',
        from: 'const mine = owned && written;',
        to: 'const mine = owned && !written;',
      },
    ],
    test: reliability(25),
  },
  {
    name: 'a heartbeat whose reply was lost is not mine',
    edits: [
      {
        file: 'core/task-store.ts',
        from: 'if (mine && existing.heartbeat >= beat.number) return existing;',
        to: 'if (mine && existing.heartbeat > beat.number) return existing;',
      },
    ],
    test: reliability(25),
  },
  {
    name: 'an end of a run whose reply was lost',
    edits: [
      {
        file: 'core/run-store.ts',
        from: 'if (record.supervisorWrite === nonce) return record;\n      const changed',
        to: 'const changed',
      },
    ],
    test: { vitest: 'test/core/run-store.test.ts' },
  },
  {
    name: 'a page is written before its chunk stands',
    edits: [
      {
        file: 'job/scan-stage.ts',
        from: 'await logItems(undoLog, work.segment, found, signal);\n  queue.add(found);',
        to: 'queue.add(found);\n  await logItems(undoLog, work.segment, found, signal);',
      },
    ],
    test: UNDO_STAGES,
  },
  {
    name: 'what becomes computable late is written without an entry',
    edits: [
      {
        file: 'job/write-stage.ts',
        from: 'item.assignment = assignment;\n      await logItems(this.#options.undoLog, item.work.segment, [item], signal);',
        to: 'item.assignment = assignment;',
      },
    ],
    test: UNDO_STAGES,
  },
  {
    name: "a value found after a lost reply is the run's",
    edits: [
      {
        file: 'job/write-stage.ts',
        from: "if (entry && !unanswered) this.#options.undoLog?.settled(entry, 'notSet');",
        to: "if (entry) this.#options.undoLog?.settled(entry, unanswered ? 'set' : 'notSet');",
      },
    ],
    test: UNDO_STAGES,
  },
  {
    name: "a value found after a lost reply is not the run's",
    edits: [
      {
        file: 'job/write-stage.ts',
        from: "if (entry && !unanswered) this.#options.undoLog?.settled(entry, 'notSet');",
        to: "if (entry) this.#options.undoLog?.settled(entry, 'notSet');",
      },
    ],
    test: UNDO_STAGES,
  },
  {
    name: 'a checkpoint before the outcomes stand',
    edits: [
      {
        file: 'job/segment-work.ts',
        from: 'await records?.recorded(this.#savedPages === 0',
        to: 'void records?.recorded(this.#savedPages === 0',
      },
    ],
    test: { vitest: 'test/job/segment-work.test.ts' },
  },
  {
    name: 'a checkpoint counts what it does not pass',
    edits: [
      {
        file: 'job/segment-work.ts',
        from: '      counters,\n',
        to: '      counters: this.tally.snapshot(),\n',
      },
    ],
    test: { vitest: 'test/model/undo.test.ts' },
  },
  {
    name: 'writes go on while no outcome can be recorded',
    edits: [
      {
        file: 'core/undo/log-writer.ts',
        from: 'while (clock.monotonicMs() - this.#oldestMs() >= STOP_AFTER_MS) {',
        to: 'while (clock.monotonicMs() - this.#oldestMs() >= 1_000 * STOP_AFTER_MS) {',
      },
    ],
    test: UNDO_LOG,
  },
  {
    name: 'a chunk is put over another one',
    edits: [
      {
        file: 'core/undo/log-store.ts',
        from: 'item, ...content }, [NEW]);',
        to: 'item, ...content }, []);',
      },
    ],
    test: UNDO_LOG,
  },
  {
    name: 'what is unknown is undone',
    edits: [
      {
        file: 'core/undo/log-reader.ts',
        from: '(outcome === OUTCOME.set ? set : unknown).push(',
        to: 'set.push(',
      },
    ],
    test: UNDO_STAGES,
  },
  {
    name: 'a removal without the value',
    edits: [
      {
        file: 'core/undo/item-removal.ts',
        from: "'attribute_exists(#partitionKey) AND #attribute = :value'",
        to: "'attribute_exists(#partitionKey) AND (#attribute = :value OR attribute_exists(#attribute))'",
      },
    ],
    test: { vitest: 'test/core/undo/item-removal.test.ts' },
  },
  {
    name: 'a chunk that was undone is undone again',
    edits: [
      {
        file: 'job/undo-stage.ts',
        from: 'if (undone !== undefined && isDealtWith(undone, runId)) {',
        to: 'if (undone !== undefined && undone.by === runId) {',
      },
    ],
    test: UNDO_STAGES,
  },
  {
    name: 'an undo beside a later run',
    edits: [
      {
        file: 'orchestrator/undo/refusals.ts',
        from: '  if (later.length === 0) return;',
        to: '  if (later.length < 10) return;',
      },
    ],
    test: { vitest: 'test/orchestrator/undo/refusals.test.ts' },
  },
  {
    name: 'what one launch does not know counts beside what another one knows',
    edits: [
      {
        file: 'orchestrator/undo/log-standing.ts',
        from: 'for (const value of set) found.isKnown(value);',
        to: 'void set;',
      },
    ],
    test: { vitest: 'test/orchestrator/undo/log-standing.test.ts' },
  },
  {
    name: 'a recipe whose value is computed again without an entry',
    edits: [
      {
        file: 'job/write-stage.ts',
        from: 'this.#notSet(item);\n    item.assignment = assignment;\n    await logItems(this.#options.undoLog, item.work.segment, [item], signal);',
        to: 'this.#notSet(item);\n    item.assignment = assignment;',
      },
    ],
    test: UNDO_STAGES,
  },
  {
    name: 'a recipe that writes from sources that have changed',
    edits: [
      {
        file: 'core/recipe/compile.ts',
        from: 'const sources = this.#conditionsOf(missing).map(source => stateOf(item, source));',
        to: 'const sources = this.#conditionsOf(missing).slice(0, 0).map(source => stateOf(item, source));',
      },
    ],
    test: RECIPE_WRITES,
  },
  {
    name: 'a recipe whose write does not depend on the scope',
    edits: [
      {
        file: 'core/recipe/compile.ts',
        from: 'mergeSources([...this.#whereSources, ...targets.flatMap(target => target.sources)])',
        to: 'mergeSources(targets.flatMap(target => target.sources))',
      },
    ],
    test: RECIPE_WRITES,
  },
  {
    name: 'a recipe that writes what it can of an item',
    edits: [
      {
        file: 'core/recipe/compile.ts',
        // biome-ignore lint/suspicious/noTemplateCurlyInString: it is the source as it stands there
        from: "if (typeof value === 'string') return notComputable(`--set ${name}: ${value}`);",
        to: "if (typeof value === 'string') continue;",
      },
    ],
    test: { vitest: 'test/core/recipe/decide.test.ts' },
  },
  {
    name: 'a verification checkpoint by an earlier supervisor',
    edits: [
      {
        file: 'core/verification-store.ts',
        from: '[SAME_EPOCH, LATER_SEQUENCE],',
        to: '[LATER_SEQUENCE],',
      },
    ],
    test: modelAnd('test/core/verification-store.test.ts'),
  },
  {
    name: 'a verification checkpoint without its sequence',
    edits: [
      {
        file: 'core/verification-store.ts',
        from: '[SAME_EPOCH, LATER_SEQUENCE],',
        to: '[SAME_EPOCH],',
      },
    ],
    test: modelAnd('test/core/verification-store.test.ts'),
  },
  {
    name: 'a verification that takes the checkpoints of an older one',
    edits: [
      {
        file: 'orchestrator/verify/checkpoints.ts',
        from: '-$' + '{randomUUID().slice(0, 8)}`,\n    pass: run.pass,',
        to: '-same`.slice(5),\n    pass: run.pass,',
      },
    ],
    test: MODEL,
  },
  {
    name: 'a page of a verification that is not counted with its key',
    edits: [
      {
        file: 'orchestrator/verify/verification.ts',
        from: 'await checkpoints?.save({ ...position, at: clock.nowIso() });',
        to: 'await checkpoints?.save({ ...position, findings: before.findings, at: clock.nowIso() });',
      },
    ],
    test: MODEL,
  },
  {
    name: 'values of an undo log that are not counted with their place',
    edits: [
      {
        file: 'orchestrator/undo/log-segment.ts',
        from: 'this.#place = { chunk, values };',
        to: 'this.#place ??= { chunk, values };',
      },
    ],
    test: { vitest: 'test/orchestrator/undo/log-standing.test.ts' },
  },
  {
    name: 'repair without authority',
    edits: [
      {
        file: 'orchestrator/verify/repair.ts',
        from: '      await undoLog?.mayWrite(signal);\n      await held(signal);',
        to: '      await undoLog?.mayWrite(signal);',
      },
      {
        file: 'orchestrator/verify/repair.ts',
        from: '    await held(signal);\n    const reserved',
        to: '    const reserved',
      },
    ],
    test: modelAnd('test/orchestrator/verify/repair.test.ts'),
  },
  {
    name: 'a pause that does not wait for the supervisor',
    edits: [
      {
        file: 'orchestrator/supervise/await-end.ts',
        from: "if (told.status === 'verifying') await",
        to: "if (told.status === 'paused') await",
      },
    ],
    test: modelAnd('test/orchestrator/supervise/await-end.test.ts'),
  },
  {
    name: 'a take-over that undoes a cancel',
    edits: [
      {
        file: 'core/run-store.ts',
        from: "if (record.desired === 'stop' && record.stopReason?.kind === 'cancelled') {",
        to: "if (record.status === 'cancelled') {",
      },
    ],
    test: modelAnd('test/core/run-store.test.ts'),
  },
  {
    name: 'what a dead supervisor had counted, counted again',
    edits: [
      {
        file: 'orchestrator/verify/end-phase.ts',
        from: 'counted?.id === now.id ? counted.counters : NO_COUNTERS',
        to: "counted?.id === 'none' ? counted.counters : NO_COUNTERS",
      },
    ],
    test: MODEL,
  },
  {
    name: 'a verification that does not hear of a lower rate',
    edits: [
      {
        file: 'orchestrator/verify/end-phase.ts',
        from: '      grant(cutRates(latest));',
        to: '      if (inForce === undefined) grant(cutRates(latest));',
      },
    ],
    test: { vitest: 'test/orchestrator/verify/end-phase.test.ts' },
  },
  {
    name: 'a request that waits and keeps what it was chosen for at a higher rate',
    edits: [
      {
        file: 'core/rate/capacity-limiter.ts',
        from: 'for (const waiter of this.#waiters) waiter.units = waiter.unitsNow();',
        to: '',
      },
    ],
    test: { vitest: 'test/core/rate/capacity-limiter.test.ts' },
  },
  {
    name: 'a request that has its units and is sent at a rate that fell meanwhile',
    edits: [
      {
        file: 'core/rate/capacity-limiter.ts',
        from: 'if (falls === this.#falls) return units;',
        to: 'if (falls <= this.#falls) return units;',
      },
    ],
    test: { vitest: 'test/core/rate/capacity-limiter.test.ts' },
  },
  {
    name: 'late replies that give back what a higher rate had admitted',
    edits: [
      {
        file: 'core/rate/capacity-limiter.ts',
        from: 'Math.min(corrected, Math.max(most, this.#credit));',
        to: 'most > 0 ? corrected : this.#credit;',
      },
    ],
    test: { vitest: 'test/core/rate/capacity-limiter.test.ts' },
  },
  {
    name: 'what a lower rate leaves out of a batch, lost',
    edits: [
      {
        file: 'job/user-table.ts',
        from: 'if (most < items.length) tooMany(items.splice(most));',
        to: 'if (most < items.length) items.splice(most);',
      },
    ],
    test: { vitest: 'test/job/user-table.test.ts' },
  },
  {
    name: 'resolved items that still count as quarantined',
    edits: [
      {
        file: 'core/quarantine-store.ts',
        from: "return item !== undefined && item['resolved'] === undefined;",
        to: 'return item !== undefined;',
      },
    ],
    test: { vitest: 'test/orchestrator/verify/pass-end.test.ts' },
  },
  {
    name: 'refused writes that consume nothing',
    edits: [
      {
        file: 'core/rate/rate-control.ts',
        from: 'const units = Math.min(reserved, this.estimate.writeUnitsPerRefusal);',
        to: 'const units = 0;',
      },
    ],
    test: { vitest: 'test/job/user-table.test.ts' },
  },
  {
    name: 'a lower grant of a little left out',
    edits: [
      {
        file: 'orchestrator/supervise/budget.ts',
        from: 'granted[rate] < before[rate] * (1 - ROUNDING)',
        to: 'granted[rate] < before[rate] * (1 - NEGLIGIBLE_RAISE)',
      },
    ],
    test: { vitest: 'test/orchestrator/supervise/budget.test.ts' },
  },
  {
    name: 'an estimate that follows slowly upwards',
    edits: [
      {
        file: 'core/rate/capacity-estimate.ts',
        from: 'if (old === undefined || seen >= old) return seen;',
        to: 'if (old === undefined) return seen;',
      },
    ],
    test: { vitest: 'test/core/rate' },
  },
  {
    name: 'a segment taken back in spite of a checkpoint that was not seen',
    edits: [
      {
        file: 'core/segment-store.ts',
        from: '[SAME_PASS, NOT_COMPLETE, SAME_SEQUENCE, OWNER_UNCHANGED],',
        to: '[SAME_PASS, NOT_COMPLETE, OWNER_UNCHANGED],',
      },
    ],
    test: { vitest: 'test/core/segment-store.test.ts' },
  },
  {
    name: 'a service that did not answer taken for one that does not know the task',
    edits: [
      {
        file: 'orchestrator/fleet/task-watch.ts',
        from: "observation?.state === 'gone'",
        to: "observation?.state !== 'alive'",
      },
    ],
    test: { vitest: 'test/orchestrator/fleet/task-watch.test.ts' },
  },
  {
    name: 'a lock of the account that does not hold',
    edits: [
      {
        file: 'core/lock-store.ts',
        from: "const FREE = 'attribute_not_exists(#table)';",
        to: "const FREE = 'attribute_not_exists(#table) OR attribute_exists(#table)';",
      },
    ],
    test: { vitest: 'test/core/lock-store.test.ts' },
  },
  {
    name: 'a run without the lock of the account',
    edits: [
      {
        file: 'core/run-store.ts',
        from: '[this.#locks.take(accountLockOf(run), account.released)]',
        to: '[]',
      },
    ],
    test: { vitest: 'test/core/lock-store.test.ts' },
  },
  {
    name: 'a retry without the lock of the account',
    edits: [
      {
        file: 'core/run-store.ts',
        from: '[this.#locks.take(retryLockOf(run, retry, by), account.released)]',
        to: '[]',
      },
    ],
    test: { vitest: 'test/core/lock-store.test.ts' },
  },
  {
    name: 'two retries that join a run at once',
    edits: [
      {
        file: 'orchestrator/verify/retry.ts',
        from: 'if (await hasRetryAtWork(request)) continue;',
        to: 'if (await hasRetryAtWork({ ...request, run: { ...request.run, runId: "none" } })) continue;',
      },
    ],
    test: MODEL,
  },
  {
    name: 'a retry without authority',
    edits: [
      {
        file: 'orchestrator/verify/retry.ts',
        from: 'const client = dataPlane(() => authority.assertHeld());',
        to: 'const client = dataPlane(() => {});',
      },
      {
        file: 'orchestrator/verify/retry.ts',
        from: 'held: authority.held.bind(authority)',
        to: 'held: async () => {}',
      },
    ],
    test: MODEL,
  },
  {
    name: 'what a retry resolved, counted twice',
    edits: [
      {
        file: 'core/quarantine-store.ts',
        from: '{ set: { resolved } }, [NOT_RESOLVED])',
        to: '{ set: { resolved } }, [])',
      },
    ],
    test: modelAnd('test/core/quarantine-store.test.ts'),
  },
  {
    name: 'a lock taken from a retry by whoever saw it free before',
    edits: [
      {
        file: 'core/lock-store.ts',
        from: "'#run = :run AND attribute_not_exists(#retry)'",
        to: "'#run = :run AND (attribute_not_exists(#retry) OR attribute_exists(#retry))'",
      },
    ],
    test: { vitest: 'test/core/lock-store.test.ts' },
  },
  {
    name: 'a table of another account without a word',
    edits: [
      {
        file: 'orchestrator/checks/table.ts',
        from: 'if (own === undefined || own === account) return [];',
        to: 'if (own === undefined || account) return [];',
      },
    ],
    test: { vitest: 'test/orchestrator/checks/table.test.ts' },
  },
  {
    name: 'an orphaned lock freed by whoever comes',
    edits: [
      {
        file: 'core/lock-store.ts',
        from: "isNamed(error, 'AccessDeniedException'))\n        return false;",
        to: "isNamed(error, 'AccessDeniedException'))\n        return true;",
      },
    ],
    test: { vitest: 'test/core/lock-store.test.ts' },
  },
  {
    name: 'no data taken for no traffic',
    edits: [
      {
        file: 'orchestrator/supervise/traffic-guard.ts',
        from: 'if (ofTable.length > 0 || this.#writingSinceMs === undefined) return undefined;',
        to: 'if (ofTable.length >= 0) return undefined;',
      },
    ],
    test: { vitest: 'test/orchestrator/supervise/traffic-guard.test.ts' },
  },
  {
    name: 'what was provisioned at the start',
    edits: [
      {
        file: 'orchestrator/supervise/traffic-guard.ts',
        from: 'const table = this.#table;',
        to: 'const table = undefined;',
      },
    ],
    test: { vitest: 'test/orchestrator/supervise/traffic-guard.test.ts' },
  },
  {
    name: 'an index that throttles is not seen',
    edits: [
      {
        file: 'orchestrator/supervise/traffic-guard.ts',
        from: 'return [{ table }, ...indexes',
        to: 'return [{ table }, ...[].concat(indexes).slice(indexes.length)',
      },
    ],
    test: { vitest: 'test/orchestrator/supervise/traffic-guard.test.ts' },
  },
  {
    name: 'an ARN in the dimension of the metrics',
    edits: [
      {
        file: 'orchestrator/user-table/traffic.ts',
        from: "{ Name: 'TableName', Value: tableNameOf(table) }",
        to: "{ Name: 'TableName', Value: table }",
      },
    ],
    test: { vitest: 'test/orchestrator/supervise/traffic-guard.test.ts' },
  },
  {
    name: 'a take-over that writes as fast as it can',
    edits: [
      {
        file: 'orchestrator/supervise/supervisor.ts',
        from: 'await this.#staffing.mayWrite(taskRecordUnits(task.segments.length));\n      await stores.tasks.adopt',
        to: 'await stores.tasks.adopt',
      },
    ],
    test: { vitest: 'test/orchestrator/supervise/take-over.test.ts' },
  },
  {
    name: 'checkpoints that do not stretch with the tasks',
    edits: [
      {
        file: 'core/control-pace.ts',
        from: 'return Math.max(CHECKPOINT_INTERVAL_MS, ((tasks',
        to: 'return Math.min(CHECKPOINT_INTERVAL_MS, ((tasks',
      },
    ],
    test: { vitest: 'test/core/control-pace.test.ts' },
  },
  {
    name: 'one throttled call ends a worker',
    edits: [
      {
        file: 'core/ask-control-table.ts',
        from: "if (verdict.kind !== 'retry') throw error;",
        to: 'if (verdict) throw error;',
      },
    ],
    test: { vitest: 'test/core/ask-control-table.test.ts' },
  },
  {
    name: 'a slow page is given up again and again',
    edits: [
      {
        file: 'core/rate/patience.ts',
        from: 'Math.min(LONGEST_PATIENCE_MS, patienceMs * 2)',
        to: 'patienceMs',
      },
    ],
    test: { vitest: 'test/core/rate/patience.test.ts' },
  },
  {
    name: 'overrides that RunTask refuses',
    edits: [
      {
        file: 'orchestrator/checks/limits.ts',
        from: 'if (each > most) {',
        to: 'if (each > most * 2) {',
      },
    ],
    test: { vitest: 'test/orchestrator/checks/limits.test.ts' },
  },
];
