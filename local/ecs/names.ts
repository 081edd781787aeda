/** The account and Region in the ARNs of a control plane. */
export interface Place {
  readonly region: string;
  /** Twelve digits. */
  readonly account: string;
}

const arn = (place: Place, resource: string) => `arn:aws:ecs:${place.region}:${place.account}:${resource}`;

export const clusterArn = (place: Place, cluster: string) => arn(place, `cluster/${cluster}`);

export const taskArn = (place: Place, cluster: string, taskId: string) =>
  arn(place, `task/${cluster}/${taskId}`);

export const containerArn = (place: Place, cluster: string, taskId: string, containerId: string) =>
  arn(place, `container/${cluster}/${taskId}/${containerId}`);

export const taskDefinitionArn = (place: Place, family: string, revision: number) =>
  arn(place, `task-definition/${family}:${revision}`);

/** The part after the last slash. Requests may name a cluster, task or task definition by its ARN or by this. */
export const shortName = (nameOrArn: string) => nameOrArn.slice(nameOrArn.lastIndexOf('/') + 1);
