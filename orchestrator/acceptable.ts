/** The plan's refusals that an operator may accept by name: `--accept other-type`. Each is a finding's `check`. */
export const ACCEPTABLE = [
  'dynamodb-json',
  'dotted-name',
  'other-type',
  'signed-items',
  'expiry-name',
] as const;
