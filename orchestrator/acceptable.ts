/**
 * Failures of the plan that an operator may accept by name, as in `--accept signed-items`. Each is a finding's `check`.
 */
export const ACCEPTABLE = ['dynamodb-json', 'signed-items', 'expiry-name'] as const;
