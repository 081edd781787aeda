import type { ComponentChildren } from 'preact';
import { count, dollars, duration, percent, rate, roughDuration } from '../../snapshot/format.ts';
import { outcomesOf } from '../../snapshot/outcomes.ts';
import type { Snapshot } from '../../snapshot/snapshot.ts';

/** Shows the current figures. */
export function Tiles({ snapshot }: { snapshot: Snapshot }) {
  const { progress, rate: now, run, counters, cost, tasks, relaunches, orchestratorAgeMs } = snapshot;
  const running = tasks.filter(({ status }) => status === 'running').length;
  const late = tasks.filter(task => task.late).length;
  const oldest = Math.max(0, ...tasks.map(({ heartbeatAgeMs }) => heartbeatAgeMs ?? 0));
  return (
    <dl class="tiles">
      <Tile name="progress" label="Progress" value={percent(progress.part)}>
        <Meter part={progress.part} />
        {progress.basis}
        <br />
        {progress.remainingMs === null
          ? progress.remainingBasis
          : `${roughDuration(progress.remainingMs)} left, estimated from ${progress.remainingBasis}`}
      </Tile>
      <Tile
        name="rate"
        label={run.finishedAt ? 'Write units a second, on average' : 'Write units a second'}
        value={now ? rate(now.writeUnitsPerSecond) : '–'}
      >
        <Meter part={now ? now.writeUnitsPerSecond / run.budgetNow.writeUnitsPerSecond : 0} />
        of a budget of {rate(run.budget.writeUnitsPerSecond)}
        {run.cut && <span class="text-care">, cut to {percent(run.cut.factor)}</span>}
        <br />
        {now ? rate(now.readUnitsPerSecond) : '–'} of {rate(run.budgetNow.readUnitsPerSecond)} read units
      </Tile>
      <Tile
        name="items"
        label={run.undoes === null ? 'Items set' : 'Values removed'}
        value={count(counters.updated)}
      >
        {count(counters.scanned)} {run.undoes === null ? 'scanned' : 'in the undo log'},{' '}
        {count(counters.matched)} {run.undoes === null ? 'lacked it' : 'known to be set'}
        <br />
        {outcomesOf(counters, run.undoes !== null)
          .slice(1)
          .join(', ')}
      </Tile>
      <Tile name="tasks" label="Tasks running" value={`${count(running)} of ${count(run.tasksWanted)}`}>
        {late > 0 ? (
          <>
            <span class="text-care">{count(late)} without a heartbeat</span>
            <br />
          </>
        ) : (
          running > 0 && (
            <>
              oldest heartbeat {duration(oldest)} ago
              <br />
            </>
          )
        )}
        {count(run.launches)} launched, {count(relaunches)} of them again
        {orchestratorAgeMs !== null && run.finishedAt === null && (
          <>
            <br />
            orchestrator reported {duration(orchestratorAgeMs)} ago
          </>
        )}
      </Tile>
      <Tile name="cost" label="Spent" value={dollars(cost.total)}>
        {count(counters.writeUnits)} write units {dollars(cost.writes)}
        <br />
        {count(counters.readUnits)} read units {dollars(cost.reads)}
        <br />
        Fargate {cost.fargate === null ? 'not known' : dollars(cost.fargate)}; list prices of{' '}
        {cost.pricesAsOf}
      </Tile>
    </dl>
  );
}

function Tile(props: { name: string; label: string; value: string; children: ComponentChildren }) {
  return (
    <div class="card tile" data-tile={props.name}>
      <dt>{props.label}</dt>
      <dd class="value">{props.value}</dd>
      <dd class="detail">{props.children}</dd>
    </div>
  );
}

/** For sighted readers only; the figures stand beside it. */
function Meter({ part }: { part: number }) {
  const percentage = Math.round(Math.max(0, Math.min(1, part)) * 100);
  return (
    <span class="meter" aria-hidden="true">
      <span style={{ width: `${percentage}%` }} />
    </span>
  );
}
