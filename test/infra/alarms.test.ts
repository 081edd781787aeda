import { describe, expect, it } from 'vitest';
import { type AlarmRule, type AlarmState, statesOf } from './support/alarm-model.ts';
import { problemOf, unitOf } from './support/metric-catalogue.ts';
import { FLEET_PARAMETERS, loadTemplate, Rendering } from './support/template.ts';

const fleet = loadTemplate('fleet');
const TOPIC = 'arn:aws:sns:eu-west-1:111122223333:oncall';
const silent = new Rendering(fleet, FLEET_PARAMETERS);
const given = new Rendering(fleet, { ...FLEET_PARAMETERS, AlarmTopicArn: TOPIC });
const own = new Rendering(fleet, { ...FLEET_PARAMETERS, AlarmEmail: 'oncall@example.com' });

interface MetricOfAlarm {
  readonly Namespace: string;
  readonly MetricName: string;
  readonly Dimensions: readonly { readonly Name: string; readonly Value: string }[];
}

interface AlarmProperties extends MetricOfAlarm {
  readonly Statistic: string;
  readonly Unit: string;
  readonly ComparisonOperator: string;
  readonly Threshold: number;
  readonly EvaluationPeriods: number;
  readonly DatapointsToAlarm?: number;
  readonly TreatMissingData: AlarmRule['treatMissingData'];
  readonly Metrics?: readonly {
    readonly MetricStat?: { readonly Metric: MetricOfAlarm; readonly Stat: string; readonly Unit: string };
  }[];
}

const metricAlarms = Object.entries(fleet.Resources)
  .filter(([, resource]) => resource.Type === 'AWS::CloudWatch::Alarm')
  .map(([id]) => id);

describe('the alarms of fleet.yaml', () => {
  it.each(metricAlarms)('%s reads a metric that is published, for the table, in its unit', id => {
    const properties: AlarmProperties = silent.properties(id);
    const read = properties.Metrics?.flatMap(({ MetricStat }) => MetricStat ?? []) ?? [
      { Metric: properties, Unit: properties.Unit },
    ];
    for (const { Metric, Unit } of read) {
      const series = {
        namespace: Metric.Namespace,
        name: Metric.MetricName,
        dimensions: Metric.Dimensions.map(({ Name }) => Name),
      };
      expect(problemOf(series)).toBeUndefined();
      expect(Unit).toBe(unitOf(series));
      expect(Metric.Dimensions.map(({ Value }) => Value)).toEqual(['stuff']);
    }
  });

  it.each(metricAlarms)('%s is named for the stack and says in words what is wrong', id => {
    const { AlarmName, AlarmDescription } = silent.properties(id);
    expect(AlarmName).toMatch(/^fleetfill-[a-z-]+$/);
    expect(AlarmDescription).toContain('stuff');
  });

  it('notify nobody, and watch no tasks, when no topic is given', () => {
    const all = silent.resources().map(id => silent.properties(id));
    expect(all.filter(properties => properties.AlarmActions ?? properties.OKActions)).toEqual([]);
    expect(silent.resources().filter(id => /Topic|Rule$/.test(id))).toEqual([]);
  });

  it.each([
    ['the topic that is given', given, TOPIC],
    ['a topic of their own', own, 'AlarmTopic'],
  ])('tell %s, the two states apart', (_, rendering, topic) => {
    const acting = rendering.resources().filter(id => rendering.properties(id).AlarmActions);
    expect(acting).toEqual([
      'WritesThrottledAlarm',
      'ItemsQuarantinedAlarm',
      'RunStalledAlarm',
      'RunUnsupervisedAlarm',
    ]);
    for (const id of acting) expect(rendering.properties(id).AlarmActions).toEqual([topic]);
    for (const id of ['TaskFailedRule', 'TaskLostRule']) {
      expect(rendering.properties(id).Targets).toMatchObject([{ Arn: topic }]);
    }
  });

  it('include the topic policy only for a topic of their own', () => {
    expect(given.resources()).not.toContain('AlarmTopicPolicy');
    const services = own
      .properties('AlarmTopicPolicy')
      .PolicyDocument.Statement.map(
        (statement: { Principal: { Service: string } }) => statement.Principal.Service,
      );
    expect(services).toEqual(['cloudwatch.amazonaws.com', 'events.amazonaws.com']);
  });
});

describe('the rules on stopped tasks', () => {
  const stopped = { clusterArn: 'Cluster.Arn', lastStatus: 'STOPPED', stopCode: 'EssentialContainerExited' };
  const exits = (exitCode: number) => ({ ...stopped, containers: [{ name: 'job', exitCode }] });
  const notStarted = { ...stopped, stopCode: 'TaskFailedToStart', containers: [{ name: 'job' }] };

  it.each([
    ['a worker that is done', exits(0), []],
    ['a worker that was told to stop', exits(143), []],
    ['a worker that failed', exits(1), ['TaskFailedRule']],
    ['a worker without its environment', exits(2), ['TaskFailedRule']],
    ['a worker that was killed', exits(137), ['TaskFailedRule']],
    ['a task that never started', notStarted, ['TaskLostRule']],
    ['a task whose host was lost', { ...notStarted, stopCode: 'InfrastructureHealth' }, ['TaskLostRule']],
    ['a task that we stopped before it ran', { ...notStarted, stopCode: 'UserInitiated' }, []],
    ['a task that Spot took before it ran', { ...notStarted, stopCode: 'SpotInterruption' }, []],
    ['a worker that Spot gave time to stop', { ...exits(143), stopCode: 'SpotInterruption' }, []],
    ['a worker that Spot had to kill', { ...exits(137), stopCode: 'SpotInterruption' }, ['TaskFailedRule']],
    ['a task of another cluster', { ...exits(1), clusterArn: 'another' }, []],
    ...[3, 4, 5, 6, 7, 8, 9, 130].map((code): [string, object, string[]] => [
      `a supervisor that says with ${code} how its run ended`,
      { ...stopped, containers: [{ name: 'supervisor', exitCode: code }] },
      [],
    ]),
    [
      'a supervisor with an internal error',
      { ...stopped, containers: [{ name: 'supervisor', exitCode: 1 }] },
      ['TaskFailedRule'],
    ],
    [
      'a supervisor that was killed',
      { ...stopped, containers: [{ name: 'supervisor', exitCode: 137 }] },
      ['TaskFailedRule'],
    ],
    ['a task that is stopping', { ...exits(1), lastStatus: 'DEACTIVATING' }, []],
  ])('hear of %s', (_, detail, heard) => {
    const matching = ['TaskFailedRule', 'TaskLostRule'].filter(id =>
      matches(given.properties(id).EventPattern.detail, detail),
    );
    expect(matching).toEqual(heard);
  });
});

/**
 * The parts of EventBridge's pattern language that the rules use: lists of values, anything-but, and objects in lists.
 */
function matches(pattern: object, event: object): boolean {
  return Object.entries(pattern).every(([key, wanted]) => {
    const value = (event as Record<string, unknown>)[key];
    if (value === undefined) return false;
    const values = Array.isArray(value) ? value : [value];
    if (!Array.isArray(wanted)) return values.some(entry => matches(wanted, entry));
    return wanted.some(option =>
      typeof option === 'object'
        ? values.some(entry => !option['anything-but'].includes(entry))
        : values.includes(option),
    );
  });
}

describe('the alarm on a run that stalled', () => {
  const HOUR = 60;
  const ruleOf = (id: string): AlarmRule => {
    const properties: AlarmProperties = silent.properties(id);
    const above = properties.ComparisonOperator === 'GreaterThanThreshold';
    return {
      breaching: value => (above ? value > properties.Threshold : value <= properties.Threshold),
      evaluationPeriods: properties.EvaluationPeriods,
      datapointsToAlarm: properties.DatapointsToAlarm ?? properties.EvaluationPeriods,
      treatMissingData: properties.TreatMissingData,
    };
  };
  const runOpen = ruleOf('RunOpenAlarm');
  const nothingRead = ruleOf('NothingReadAlarm');
  const nobodySupervises = ruleOf('NobodySupervisesAlarm');

  /** What fleet and orchestrator publish, as docs/dashboard.md requires. */
  class Story {
    readonly #open: (number | undefined)[] = [];
    readonly #reads: (number | undefined)[] = [];
    readonly #supervised: (number | undefined)[] = [];
    #announcedUntil = 0;

    /** A run opens and announces the next ten minutes. */
    opens(at: number): this {
      for (let minute = at; minute <= at + 10; minute++) this.#say(minute, 1);
      this.#announcedUntil = at + 10;
      return this;
    }
    supervised(from: number, to: number): this {
      for (let minute = from; minute < to; minute++) {
        this.#say(minute, 1);
        this.#supervised[minute] = 1;
      }
      return this;
    }
    reads(from: number, to: number, units = 100): this {
      for (let minute = from; minute < to; minute++) this.#reads[minute] = (this.#reads[minute] ?? 0) + units;
      return this;
    }
    /** A run ends in any way, and its announcements are revoked. */
    ends(at: number): this {
      for (let minute = at; minute <= Math.max(at, this.#announcedUntil); minute++) this.#say(minute, 0);
      return this;
    }
    /** Minutes in which the composite alarm on a stalled run is in ALARM. */
    stalled(length: number, silence = nothingRead, latch = runOpen): number[] {
      return this.#both(length, [latch, this.#open], [silence, this.#reads]);
    }
    /** Minutes in which the composite alarm on an unsupervised run is in ALARM. */
    unsupervised(length: number): number[] {
      return this.#both(length, [runOpen, this.#open], [nobodySupervises, this.#supervised]);
    }
    #both(length: number, ...alarms: [AlarmRule, (number | undefined)[]][]): number[] {
      const states = alarms.map(([rule, said]): AlarmState[] =>
        statesOf(
          rule,
          Array.from({ length }, (_, minute) => said[minute]),
        ),
      );
      return Array.from({ length }, (_, minute) => minute).filter(minute =>
        states.every(state => state[minute] === 'ALARM'),
      );
    }
    /** The statistic of RunOpen is the minimum of a minute. */
    #say(minute: number, value: number): void {
      this.#open[minute] = Math.min(this.#open[minute] ?? 1, value);
    }
  }

  const start = HOUR;
  const day = 24 * HOUR;

  it('is silent between runs', () => {
    expect(new Story().stalled(day)).toEqual([]);
  });

  it('is silent through a run, its slow start, its verification and the time after it', () => {
    const story = new Story()
      .opens(start)
      .supervised(start, start + 2 * HOUR)
      .reads(start + 6, start + HOUR)
      .reads(start + HOUR + 2, start + 2 * HOUR, 5_000)
      .ends(start + 2 * HOUR);
    expect(story.stalled(day)).toEqual([]);
  });

  it('is silent when a run is paused for the night and resumed', () => {
    const story = new Story()
      .opens(start)
      .supervised(start, 90)
      .reads(start + 2, 90)
      .ends(90);
    story
      .opens(20 * HOUR)
      .supervised(20 * HOUR, 21 * HOUR)
      .reads(20 * HOUR + 2, 21 * HOUR)
      .ends(21 * HOUR);
    expect(story.stalled(day)).toEqual([]);
  });

  it('is silent when one run follows on another at once', () => {
    const story = new Story()
      .opens(start)
      .supervised(start, 90)
      .reads(start + 2, 90)
      .ends(90);
    story.opens(91).supervised(91, 150).reads(94, 150).ends(150);
    expect(story.stalled(day)).toEqual([]);
  });

  it('is silent while a fleet without a supervisor goes on for hours', () => {
    const story = new Story()
      .opens(start)
      .supervised(start, start + 2)
      .reads(start + 2, start + 6 * HOUR);
    expect(story.stalled(start + 6 * HOUR)).toEqual([]);
  });

  const soon = { from: 10, to: 15 };
  it.each([
    [
      'fleet and orchestrator die',
      new Story()
        .opens(start)
        .supervised(start, 90)
        .reads(start + 2, 90),
      90,
    ],
    ['both die in the first minute', new Story().opens(start).supervised(start, start + 1), start],
    [
      'the fleet dies and the orchestrator does not notice',
      new Story()
        .opens(start)
        .supervised(start, day)
        .reads(start + 2, 90),
      90,
    ],
    ['the fleet never starts', new Story().opens(start).supervised(start, day), start],
    [
      'a fleet without a supervisor is done and nobody verifies',
      new Story().opens(start).reads(start + 2, 5 * HOUR),
      5 * HOUR,
    ],
    [
      'verification dies',
      new Story()
        .opens(start)
        .supervised(start, 200)
        .reads(start + 2, 100)
        .reads(101, 200, 5_000),
      200,
    ],
  ])('sounds within a quarter of an hour when %s, and goes on sounding', (_, story, silenceFrom) => {
    const [first = Number.POSITIVE_INFINITY, ...rest] = story.stalled(day);
    expect(first - silenceFrom).toBeGreaterThanOrEqual(soon.from - 1);
    expect(first - silenceFrom).toBeLessThanOrEqual(soon.to);
    expect(rest).toHaveLength(day - first - 1);
  });

  it('sounds for a fleet that lives and reads nothing', () => {
    const story = new Story()
      .opens(start)
      .supervised(start, day)
      .reads(start + 2, 90)
      .reads(90, day, 0);
    expect(story.stalled(day)[0]).toBe(99);
  });

  describe('and the one on a run that nobody supervises', () => {
    const night = new Story()
      .opens(start)
      .supervised(start, start + 30)
      .reads(start + 2, start + 6 * HOUR);

    it('sounds within a quarter of an hour, although the fleet goes on', () => {
      const [first = 0, ...rest] = night.unsupervised(start + 6 * HOUR);
      expect(first - (start + 30)).toBeGreaterThanOrEqual(soon.from - 1);
      expect(first - (start + 30)).toBeLessThanOrEqual(soon.to);
      expect(rest).toHaveLength(start + 6 * HOUR - first - 1);
      expect(night.stalled(start + 6 * HOUR)).toEqual([]);
    });

    it('sounds when the orchestrator dies in its first minute', () => {
      const [first = 0] = new Story()
        .opens(start)
        .supervised(start, start + 1)
        .unsupervised(day);
      expect(first - start).toBeLessThanOrEqual(soon.to);
    });

    it('is silent between runs, through a run, and while one supervisor takes over from another', () => {
      const story = new Story()
        .opens(start)
        .supervised(start, start + 40)
        .supervised(start + 45, start + 2 * HOUR)
        .ends(start + 2 * HOUR);
      expect(story.unsupervised(day)).toEqual([]);
      expect(new Story().unsupervised(day)).toEqual([]);
    });

    it('ends with the supervisor that takes over', () => {
      const story = new Story().opens(start).supervised(start, start + 1);
      story.opens(300).supervised(300, 400).ends(400);
      expect(story.unsupervised(day).at(-1)).toBeLessThanOrEqual(301);
    });
  });

  it('ends with the resume that repairs it', () => {
    const story = new Story()
      .opens(start)
      .supervised(start, 90)
      .reads(start + 2, 90);
    story.opens(300).supervised(300, 360).reads(303, 360).ends(360);
    const sounded = story.stalled(day);
    expect(sounded[0]).toBeLessThan(110);
    expect(sounded.at(-1)).toBeLessThanOrEqual(303);
  });

  it('would miss a dead fleet if silence counted as progress, and sound between runs if the latch did not hold', () => {
    const dead = new Story()
      .opens(start)
      .supervised(start, 90)
      .reads(start + 2, 90);
    expect(dead.stalled(day, { ...nothingRead, treatMissingData: 'notBreaching' })).toEqual([]);
    const over = new Story()
      .opens(start)
      .supervised(start, 90)
      .reads(start + 2, 90)
      .ends(90);
    expect(over.stalled(day, nothingRead, { ...runOpen, treatMissingData: 'breaching' })).not.toEqual([]);
  });
});
