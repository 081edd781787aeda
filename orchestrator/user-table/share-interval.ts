/** The contents of one sampled segment. */
export interface Cluster {
  readonly items: number;
  readonly missing: number;
}

/** An estimate with its 95 % interval. */
export interface Estimate {
  readonly value: number;
  readonly low: number;
  readonly high: number;
}

const Z = 1.96;

/**
 * Estimates the share of all items that lack the attribute from a random sample of the table's segments, drawn without
 * replacement. Items in a segment are not independent, because a partition key keeps its items together. So the
 * segments are the observations. It uses the ratio estimator for clusters of unequal size [Cochran, Sampling
 * Techniques, 6.3 and 9A] and puts its variance into Wilson's interval. That interval stays between 0 and 1 and does
 * not vanish if all segments show the same share.
 *
 * The interval cannot include what no sampled segment shows. If a few large partition keys hold all missing attributes,
 * only a sample that meets one of them finds out.
 *
 * @param totalSegments of the table
 * @param independent an upper bound for the number of independent observations: the effective number of partition keys
 */
export function shareInterval(
  clusters: readonly Cluster[],
  totalSegments: number,
  independent: number,
): Estimate | undefined {
  const items = sum(clusters.map(cluster => cluster.items));
  if (items === 0) return undefined;
  const share = sum(clusters.map(cluster => cluster.missing)) / items;
  const count = clusters.length;
  if (count >= totalSegments) return { value: share, low: share, high: share };
  const unseen = 1 - count / totalSegments;
  const observations = Math.min(
    effectiveObservations(clusters, share, items, unseen),
    Math.max(1, independent) / unseen,
  );
  const t = studentT(effectiveClusters(clusters, items) - 1);
  const centre = (share + t ** 2 / (2 * observations)) / (1 + t ** 2 / observations);
  const spread =
    (t / (1 + t ** 2 / observations)) *
    Math.sqrt((share * (1 - share)) / observations + t ** 2 / (4 * observations ** 2));
  return {
    value: share,
    low: Math.max(0, Math.min(share, centre - spread)),
    high: Math.min(1, Math.max(share, centre + spread)),
  };
}

/**
 * The number of independent items that would leave as much uncertainty as these segments do. Each segment is compared
 * with the others only, as in the jackknife. Otherwise a large segment would pull the share toward itself and seem to
 * agree with it.
 */
function effectiveObservations(
  clusters: readonly Cluster[],
  share: number,
  total: number,
  unseen: number,
): number {
  if (clusters.length < 2) return 1;
  const squares = sum(
    clusters.map(({ items, missing }) => {
      const weight = Math.min(0.9, items / total);
      return ((missing - share * items) / (1 - weight)) ** 2;
    }),
  );
  const variance = (unseen * squares) / total ** 2;
  return variance > 0 ? Math.max(1, (share * (1 - share)) / variance) : Number.POSITIVE_INFINITY;
}

/** The effective number of segments, if all had the same size [Kish, Survey Sampling, 1965]. */
function effectiveClusters(clusters: readonly Cluster[], total: number): number {
  return total ** 2 / Math.max(1, sum(clusters.map(({ items }) => items ** 2)));
}

/**
 * Estimates the number of items in the table from the sampled segments alone. The interval is deliberately wide,
 * because segment sizes have a long tail that a sample may miss.
 */
export function itemsInterval(clusters: readonly Cluster[], totalSegments: number): Estimate {
  const count = clusters.length;
  const mean = sum(clusters.map(({ items }) => items)) / Math.max(1, count);
  const value = mean * totalSegments;
  if (count >= totalSegments) return { value, low: value, high: value };
  if (count < 2) return { value, low: 0, high: Number.POSITIVE_INFINITY };
  const variance = sum(clusters.map(({ items }) => (items - mean) ** 2)) / (count - 1);
  const spread =
    2 * studentT(count - 1) * totalSegments * Math.sqrt(((1 - count / totalSegments) * variance) / count);
  return { value, low: Math.max(0, value - spread), high: value + spread };
}

/** Student's t at 97.5 %, expanded around the normal quantile [Abramowitz and Stegun, 26.7.5]. */
function studentT(degrees: number): number {
  const n = Math.max(1.5, degrees);
  const first = (Z ** 3 + Z) / (4 * n);
  const second = (5 * Z ** 5 + 16 * Z ** 3 + 3 * Z) / (96 * n ** 2);
  return Z + first + second;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
