import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { ConfigurationError, describeError } from '../../core/errors.ts';
import { PRICES, type Prices } from './prices.ts';

const price = z.number().nonnegative();
const fargate = z.strictObject({ perVcpuHour: price, perGbHour: price });

const schema = z.strictObject({
  region: z.string(),
  asOf: z.string().regex(/^\d{4}-\d\d-\d\d$/, 'is not a date such as 2026-11-24'),
  source: z.string(),
  perMillionWriteUnits: price.optional(),
  perMillionReadUnits: price.optional(),
  fargate: z.strictObject({ X86_64: fargate.optional(), ARM64: fargate.optional() }).optional(),
  perMetricMonth: price.optional(),
  perPublicIpv4Hour: price.optional(),
});

/**
 * Reads the price list of `--prices FILE`: JSON with `region`, `asOf` (a day), `source`, and the prices that differ, in
 * US dollars. The prices have the names used in orchestrator/plan/prices.ts.
 * @throws ConfigurationError when the file cannot be read or is not a price list.
 */
export async function readPrices(file: string | undefined): Promise<Prices> {
  if (file === undefined) return PRICES;
  let given: unknown;
  try {
    given = JSON.parse(await readFile(file, 'utf8'));
  } catch (cause) {
    throw new ConfigurationError(`--prices ${file} cannot be read: ${describeError(cause)}`, { cause });
  }
  const parsed = schema.safeParse(given);
  if (!parsed.success) {
    const problems = parsed.error.issues.map(
      ({ path, message }) => `${path.join('.') || 'the list'}: ${message}`,
    );
    throw new ConfigurationError(`--prices ${file} is not a price list: ${problems.join('; ')}`);
  }
  const { fargate: sizes, ...list } = parsed.data;
  return {
    region: list.region,
    asOf: list.asOf,
    source: list.source,
    perMillionWriteUnits: list.perMillionWriteUnits ?? PRICES.perMillionWriteUnits,
    perMillionReadUnits: list.perMillionReadUnits ?? PRICES.perMillionReadUnits,
    perMetricMonth: list.perMetricMonth ?? PRICES.perMetricMonth,
    perPublicIpv4Hour: list.perPublicIpv4Hour ?? PRICES.perPublicIpv4Hour,
    fargate: {
      X86_64: sizes?.X86_64 ?? PRICES.fargate.X86_64,
      ARM64: sizes?.ARM64 ?? PRICES.fargate.ARM64,
    },
  };
}
