import crypto from 'node:crypto';
import { syncBuiltinESMExports } from 'node:module';
import { chances } from './measure-scale.ts';

/** Makes the shipped code's ids and jitter depend on the seed, so that the same seed gives the same run. */
export function drawFrom(seed: number): void {
  const chance = chances(seed);
  let drawn = 0;
  Math.random = () => chance('random', drawn++);
  crypto.randomUUID = () => {
    const hex = crypto.createHash('sha256').update(`${seed} ${drawn++}`).digest('hex');
    return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
  };
  syncBuiltinESMExports();
}
