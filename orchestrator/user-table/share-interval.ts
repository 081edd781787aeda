/** What one sampled segment held. */
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
 * The part of all items that lack the attribute, from some of the table's segments, chosen at random without return.
 * Items of a segment are not independent of each other (a partition key keeps its items together), so segments are
 * what counts: the ratio estimator for clusters of unequal size [Cochran, Sampling Techniques, 6.3 and 9A], its
 * variance put into Wilson's interval, which stays within 0 and 1 and does not vanish when every segment says the same.
 *
 * @param totalSegments of the table
 * What none of these segments showed is not in it: a few fat partition keys that hold all that is missing are found
 * only by a sample that meets one of them.
 *
 * @param independent the most independent observations that there can be: partition keys, those of many items less
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
 * How many independent items would leave as much uncertainty as these segments do. Each segment's deviation is taken
 * against the others alone, as the jackknife does: a large one draws the share to itself and would seem to agree.
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

/** Segments of one size that would say as much as these of many sizes [Kish, Survey Sampling, 1965]. */
function effectiveClusters(clusters: readonly Cluster[], total: number): number {
  return total ** 2 / Math.max(1, sum(clusters.map(({ items }) => items ** 2)));
}

/**
 * The number of items in the table, from the sampled segments alone, generously: sizes of segments have a long tail, of
 * which a sample may show nothing.
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

/** Student's t at 97.5 %, by its expansion around the normal quantile [Abramowitz and Stegun, 26.7.5]. */
function studentT(degrees: number): number {
  const n = Math.max(1.5, degrees);
  const first = (Z ** 3 + Z) / (4 * n);
  const second = (5 * Z ** 5 + 16 * Z ** 3 + 3 * Z) / (96 * n ** 2);
  return Z + first + second;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
