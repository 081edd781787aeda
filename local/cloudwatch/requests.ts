import { z } from 'zod';

/** A number in AWS JSON. Numbers that JSON cannot express come as strings and are refused later by name. */
const double = z.union([z.number(), z.enum(['NaN', 'Infinity', '-Infinity']).transform(Number)]);

/** Epoch seconds, or ISO 8601 as some clients send it, turned into milliseconds. */
const timestamp = z.union([
  z.number().transform(seconds => seconds * 1_000),
  z.iso.datetime({ offset: true }).transform(text => Date.parse(text)),
]);

const dimension = z.looseObject({ Name: z.string().optional(), Value: z.string().optional() });

const metricDatum = z.looseObject({
  MetricName: z.string().optional(),
  Dimensions: z.array(dimension).optional(),
  Timestamp: timestamp.optional(),
  Value: double.optional(),
  Values: z.array(double).optional(),
  Counts: z.array(double).optional(),
  StatisticValues: z
    .looseObject({
      SampleCount: double.optional(),
      Sum: double.optional(),
      Minimum: double.optional(),
      Maximum: double.optional(),
    })
    .optional(),
  Unit: z.string().optional(),
  StorageResolution: z.number().int().optional(),
});

export const putMetricDataRequest = z.looseObject({
  Namespace: z.string().optional(),
  MetricData: z.array(metricDatum).optional(),
});

const metric = z.looseObject({
  Namespace: z.string().optional(),
  MetricName: z.string().optional(),
  Dimensions: z.array(dimension).optional(),
});

const metricDataQuery = z.looseObject({
  Id: z.string().optional(),
  Expression: z.string().optional(),
  Label: z.string().optional(),
  ReturnData: z.boolean().optional(),
  MetricStat: z
    .looseObject({
      Metric: metric.optional(),
      Period: z.number().int().optional(),
      Stat: z.string().optional(),
      Unit: z.string().optional(),
    })
    .optional(),
});

export const getMetricDataRequest = z.looseObject({
  MetricDataQueries: z.array(metricDataQuery).optional(),
  StartTime: timestamp.optional(),
  EndTime: timestamp.optional(),
  ScanBy: z.enum(['TimestampAscending', 'TimestampDescending']).optional(),
  MaxDatapoints: z.number().int().optional(),
  NextToken: z.string().optional(),
});

export const listMetricsRequest = z.looseObject({
  Namespace: z.string().optional(),
  MetricName: z.string().optional(),
  Dimensions: z.array(dimension).optional(),
  NextToken: z.string().optional(),
});

export type MetricDatum = z.infer<typeof metricDatum>;
export type MetricDataQuery = z.infer<typeof metricDataQuery>;
export type GetMetricDataRequest = z.infer<typeof getMetricDataRequest>;
