/**
 * A model of how CloudWatch decides an alarm's state minute by minute, after "Configuring how CloudWatch alarms treat
 * missing data" in its user guide. With it, the alarms' thresholds and treatments can be tested on the course of a run.
 * It proves that the template follows from those rules, not that the service does.
 */
export interface AlarmRule {
  readonly breaching: (value: number) => boolean;
  readonly evaluationPeriods: number;
  readonly datapointsToAlarm: number;
  readonly treatMissingData: 'breaching' | 'notBreaching' | 'ignore' | 'missing';
}

export type AlarmState = 'OK' | 'ALARM' | 'INSUFFICIENT_DATA';

/** One value a minute, undefined where nothing was published. */
export type Minutes = readonly (number | undefined)[];

/** The service looks back slightly further than the evaluation periods, but does not say how far. */
const FURTHER_BACK = 3;

export function statesOf(rule: AlarmRule, minutes: Minutes): AlarmState[] {
  const states: AlarmState[] = [];
  let state: AlarmState = 'INSUFFICIENT_DATA';
  for (let now = 0; now < minutes.length; now++) {
    state = nextState(
      rule,
      minutes.slice(Math.max(0, now + 1 - rule.evaluationPeriods - FURTHER_BACK), now + 1),
      state,
    );
    states.push(state);
  }
  return states;
}

function nextState(rule: AlarmRule, range: Minutes, current: AlarmState): AlarmState {
  const { breaching, evaluationPeriods, datapointsToAlarm, treatMissingData } = rule;
  const window = range.slice(-evaluationPeriods);
  const real = range.filter(value => value !== undefined).slice(-evaluationPeriods);

  // There are enough real data points, so the treatment of missing ones does not matter.
  if (real.length === evaluationPeriods) {
    return real.filter(breaching).length >= datapointsToAlarm ? 'ALARM' : 'OK';
  }
  // The oldest data point breaches, is as old as datapoints-to-alarm, and none since was better. This is ALARM under
  // any treatment.
  const oldest = window.findIndex(value => value !== undefined);
  if (oldest >= 0 && window.length - oldest >= datapointsToAlarm && real.every(breaching)) return 'ALARM';

  const bad = real.filter(breaching).length;
  const missing = evaluationPeriods - real.length;
  switch (treatMissingData) {
    case 'breaching':
      return bad + missing >= datapointsToAlarm ? 'ALARM' : 'OK';
    case 'notBreaching':
      return bad >= datapointsToAlarm ? 'ALARM' : 'OK';
    case 'missing':
    case 'ignore':
      if (real.length - bad > evaluationPeriods - datapointsToAlarm) return 'OK';
      if (bad >= datapointsToAlarm) return 'ALARM';
      return treatMissingData === 'missing' && real.length === 0 ? 'INSUFFICIENT_DATA' : current;
  }
}
