import { WireError } from '../wire/error.ts';

/** The errors of the service, under its own names [CloudWatch API model 2010-08-01]. */
export const invalidValue = (message: string) => new WireError('InvalidParameterValueException', message);

export const invalidCombination = (message: string) =>
  new WireError('InvalidParameterCombinationException', message);

export const missingParameter = (message: string) =>
  new WireError('MissingRequiredParameterException', message);

export const invalidNextToken = () =>
  new WireError('InvalidNextToken', 'The next token is not one of this query.');

/** The names of these errors in the query protocol, which boto3 and the AWS CLI still use. */
export const QUERY_ERROR_CODES: Readonly<Record<string, string>> = {
  InvalidParameterValueException: 'InvalidParameterValue',
  InvalidParameterCombinationException: 'InvalidParameterCombination',
  MissingRequiredParameterException: 'MissingParameter',
  InvalidNextToken: 'InvalidNextToken',
};
