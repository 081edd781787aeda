import { clusterNotFound } from './errors.ts';
import { clusterArn, type Place, shortName } from './names.ts';

export interface Cluster {
  readonly name: string;
  readonly arn: string;
  readonly capacityProviders: readonly string[];
}

const DEFAULT_CLUSTER = 'default';

export class Clusters {
  readonly #place: Place;
  readonly #byName = new Map<string, Cluster>();

  constructor(place: Place) {
    this.#place = place;
  }

  /** Creates the cluster, or returns an existing one of that name, as CreateCluster does. */
  create(name = DEFAULT_CLUSTER, capacityProviders: readonly string[] = []): Cluster {
    const existing = this.#byName.get(name);
    if (existing) return existing;
    const cluster = { name, arn: clusterArn(this.#place, name), capacityProviders };
    this.#byName.set(name, cluster);
    return cluster;
  }

  find(nameOrArn = DEFAULT_CLUSTER): Cluster | undefined {
    return this.#byName.get(shortName(nameOrArn));
  }

  /** @throws WireError ClusterNotFoundException */
  get(nameOrArn: string | undefined): Cluster {
    const cluster = this.find(nameOrArn);
    if (cluster === undefined) throw clusterNotFound();
    return cluster;
  }
}
