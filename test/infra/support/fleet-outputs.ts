/** All outputs of fleet.yaml, which `orchestrate --stack` reads. */
export const FLEET_OUTPUTS = [
  'Cluster',
  'TaskDefinition',
  'SupervisorTaskDefinition',
  'Container',
  'Subnets',
  'SecurityGroups',
  'AssignPublicIp',
  'ControlTable',
  'Namespace',
  'LogGroup',
  'Table',
  'Attributes',
  'RestrictAttributes',
  'DashboardUrl',
  'OperatorPolicy',
] as const;

/** They exist only for a recipe with sources, and for a table with a customer-managed key. */
export const OPTIONAL_FLEET_OUTPUTS = ['SourceAttributes', 'OperatorKeyPolicy', 'TableKmsKey'] as const;
