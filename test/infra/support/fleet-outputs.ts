/** The outputs of fleet.yaml that `orchestrate --stack` reads: all there are. */
export const FLEET_OUTPUTS = [
  'Cluster',
  'TaskDefinition',
  'Container',
  'Subnets',
  'SecurityGroups',
  'AssignPublicIp',
  'ControlTable',
  'Namespace',
  'LogGroup',
  'Table',
  'Attribute',
  'DashboardUrl',
  'OperatorPolicy',
] as const;

/** Only there for a table with a customer-managed key. */
export const OPTIONAL_FLEET_OUTPUTS = ['OperatorKeyPolicy', 'TableKmsKey'] as const;
