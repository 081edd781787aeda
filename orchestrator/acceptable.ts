/** The plan's refusals that an operator may accept by name: `--accept signed-items`. Each is a finding's `check`. */
export const ACCEPTABLE = ['dynamodb-json', 'signed-items', 'expiry-name'] as const;
