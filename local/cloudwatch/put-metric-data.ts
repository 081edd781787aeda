import { readRequest } from '../wire/request.ts';
import { invalidCombination, invalidValue, missingParameter } from './errors.ts';
import { type MetricDatum, putMetricDataRequest } from './requests.ts';
import {
  type Datum,
  type Dimensions,
  type MetricStore,
  mergeStatistics,
  type StatisticSet,
} from './store.ts';

/* Limits of PutMetricData [CloudWatch API reference, PutMetricData and MetricDatum]. */
const MAX_METRICS = 1_000;
const MAX_VALUES = 150;
const MAX_DIMENSIONS = 30;
const MAX_NAME_CHARACTERS = 255;
const MAX_DIMENSION_VALUE_CHARACTERS = 1_024;
const LARGEST_VALUE = 2 ** 360;
const OLDEST_MS = 14 * 24 * 60 * 60 * 1_000;
const NEWEST_MS = 2 * 60 * 60 * 1_000;

const SIZE_UNITS = ['Bytes', 'Bits'].flatMap(unit => [
  unit,
  ...['Kilo', 'Mega', 'Giga', 'Tera'].map(scale => scale + unit.toLowerCase()),
]);
const UNITS: ReadonlySet<string> = new Set([
  'None',
  'Percent',
  'Seconds',
  'Milliseconds',
  'Microseconds',
  ...['Count', ...SIZE_UNITS].flatMap(unit => [unit, `${unit}/Second`]),
]);

/**
 * PutMetricData: stores all data of the call or none.
 * @throws WireError for what the service refuses
 */
export function putMetricData(store: MetricStore, body: unknown, now: number): void {
  const { Namespace: namespace, MetricData: data } = readRequest(putMetricDataRequest, body);
  if (!namespace) throw missingParameter('The parameter Namespace is required.');
  if (namespace.length > MAX_NAME_CHARACTERS || namespace.startsWith(':')) {
    throw invalidValue('The value of parameter Namespace is invalid.');
  }
  if (namespace.startsWith('AWS/')) throw invalidValue('The value AWS/ for parameter Namespace is invalid.');
  if (data === undefined || data.length === 0)
    throw missingParameter('The parameter MetricData is required.');
  if (data.length > MAX_METRICS) {
    throw invalidValue(`The collection MetricData must not have a size greater than ${MAX_METRICS}.`);
  }
  const accepted = data.map((datum, index) =>
    acceptDatum(namespace, datum, `MetricData.member.${index + 1}`, now),
  );
  for (const datum of accepted) store.put(datum);
}

function acceptDatum(namespace: string, datum: MetricDatum, where: string, now: number): Datum {
  const {
    MetricName: metric,
    Timestamp: timestamp = now,
    Unit: unit = 'None',
    StorageResolution: resolution = 60,
  } = datum;
  if (!metric) throw missingParameter(`The parameter ${where}.MetricName is required.`);
  if (metric.length > MAX_NAME_CHARACTERS)
    throw invalidValue(`The value of ${where}.MetricName is too long.`);
  if (!UNITS.has(unit))
    throw invalidValue(`The parameter ${where}.Unit must be a value in the set of units.`);
  if (resolution !== 1 && resolution !== 60)
    throw invalidValue(`The parameter ${where}.StorageResolution must be 1 or 60.`);
  if (timestamp < now - OLDEST_MS || timestamp > now + NEWEST_MS) {
    throw invalidValue(
      `The parameter ${where}.Timestamp must specify a time within two weeks before and two hours after now.`,
    );
  }
  return {
    namespace,
    metric,
    dimensions: acceptDimensions(datum.Dimensions ?? [], where),
    timestamp,
    statistics: acceptStatistics(datum, where),
    unit,
    highResolution: resolution === 1,
  };
}

/**
 * @param dimensions in wire format
 * @throws WireError when there are too many, or when one has no name, no value or a too long one
 */
export function acceptDimensions(
  dimensions: readonly { readonly Name?: string | undefined; readonly Value?: string | undefined }[],
  where: string,
): Dimensions {
  if (dimensions.length > MAX_DIMENSIONS) {
    throw invalidValue(
      `The collection ${where}.Dimensions must not have a size greater than ${MAX_DIMENSIONS}.`,
    );
  }
  const entries = dimensions.map(({ Name: name, Value: value }): [string, string] => {
    if (!name || !value) throw missingParameter(`Each dimension of ${where} needs a Name and a Value.`);
    if (
      name.length > MAX_NAME_CHARACTERS ||
      name.startsWith(':') ||
      value.length > MAX_DIMENSION_VALUE_CHARACTERS
    ) {
      throw invalidValue(`The dimension ${name} of ${where} is not valid.`);
    }
    return [name, value];
  });
  const accepted = Object.fromEntries(entries);
  if (Object.keys(accepted).length < entries.length) throw invalidValue(`${where} names a dimension twice.`);
  return accepted;
}

/** Turns Value, Values (with Counts) or StatisticValues, of which a datum has one, into statistics. */
function acceptStatistics(datum: MetricDatum, where: string): StatisticSet {
  const { Value: value, Values: values, Counts: counts, StatisticValues: given } = datum;
  const forms = [value, values, given].filter(form => form !== undefined).length;
  if (forms > 1) throw invalidCombination(`${where} may have only one of Value, Values and StatisticValues.`);
  if (forms === 0) throw missingParameter(`${where} needs a Value, Values or StatisticValues.`);
  if (counts !== undefined && values === undefined)
    throw invalidCombination(`${where} has Counts without Values.`);
  if (given !== undefined) {
    const { SampleCount: sampleCount, Sum: sum, Minimum: minimum, Maximum: maximum } = given;
    if (sampleCount === undefined || sum === undefined || minimum === undefined || maximum === undefined) {
      throw missingParameter(`${where}.StatisticValues needs SampleCount, Sum, Minimum and Maximum.`);
    }
    for (const number of [sampleCount, sum, minimum, maximum]) checkNumber(number, where);
    if (sampleCount < 0 || minimum > maximum)
      throw invalidValue(`${where}.StatisticValues contradicts itself.`);
    return { sampleCount, sum, minimum, maximum };
  }
  return statisticsOf(values ?? [value ?? 0], counts, where);
}

function statisticsOf(
  values: readonly number[],
  counts: readonly number[] | undefined,
  where: string,
): StatisticSet {
  if (values.length === 0) throw missingParameter(`${where}.Values is empty.`);
  if (values.length > MAX_VALUES) {
    throw invalidValue(`The collection ${where}.Values must not have a size greater than ${MAX_VALUES}.`);
  }
  if (counts !== undefined && counts.length !== values.length) {
    throw invalidCombination(`${where} needs as many Counts as Values.`);
  }
  return values
    .map((value, index) => {
      const sampleCount = counts?.[index] ?? 1;
      checkNumber(value, where);
      checkNumber(sampleCount, where);
      if (sampleCount < 0) throw invalidValue(`${where}.Counts has a negative count.`);
      return { sampleCount, sum: value * sampleCount, minimum: value, maximum: value };
    })
    .reduce(mergeStatistics);
}

function checkNumber(value: number, where: string): void {
  if (!Number.isFinite(value) || Math.abs(value) > LARGEST_VALUE) {
    throw invalidValue(`The value ${value} of ${where} is not a number that CloudWatch keeps.`);
  }
}
