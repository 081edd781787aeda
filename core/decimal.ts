/** A decimal literal as sign, digits without outer zeros, and exponent: equal text if and only if equal value. */
export function decimalValue(literal: string): string {
  const [mantissa = '', exponent = '0'] = literal.toLowerCase().replace(/^[+-]/, '').split('e');
  const [whole = '', fraction = ''] = mantissa.split('.');
  const digits = `${whole}${fraction}`.replace(/^0+/, '');
  const significant = digits.replace(/0+$/, '');
  if (significant === '') return '0';
  const power = Number(exponent) - fraction.length + (digits.length - significant.length);
  return `${literal.startsWith('-') ? '-' : ''}${significant}e${power}`;
}

/** DynamoDB holds magnitudes from 1E-130 to below 1E126 [developer guide, Data types: Number]. */
const SMALLEST_NUMBER = 1e-130;
const NUMBERS_END = 1e126;

/** Whether DynamoDB's number type can hold this number. */
export function isDynamoNumber(number: number): boolean {
  const magnitude = Math.abs(number);
  return magnitude < NUMBERS_END && (magnitude === 0 || magnitude >= SMALLEST_NUMBER);
}
