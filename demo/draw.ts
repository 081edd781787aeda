import { hash } from 'node:crypto';

/**
 * A number in [0, 1) that depends only on its parts. The demo draws random numbers by name (seed, operation, purpose)
 * and not from a shared generator. So the same seed gives the same choices, whatever the order of replies.
 */
export function draw(...parts: readonly (string | number)[]): number {
  const digest = Buffer.from(hash('sha1', parts.join('\u0000'), 'hex'), 'hex');
  return digest.readUIntBE(0, 6) / 2 ** 48;
}

/**
 * Picks one of `choices` with a probability proportional to its weight.
 * @param weights relative; at least one above zero.
 * @param at a number in [0, 1), as from {@link draw}.
 */
export function pickWeighted<Choice extends string>(
  weights: Readonly<Record<Choice, number>>,
  at: number,
): Choice {
  const choices = Object.keys(weights) as Choice[];
  let left = at * choices.reduce((sum, choice) => sum + weights[choice], 0);
  let picked: Choice | undefined;
  for (const choice of choices) {
    if (weights[choice] <= 0) continue;
    picked = choice;
    left -= weights[choice];
    if (left < 0) break;
  }
  if (picked === undefined) throw new RangeError('No choice has a weight above zero.');
  return picked;
}
