/** Comparing in turns: what disturbs all parties of a round must not show in a ratio. */
import { expect, test } from 'vitest';
import { inTurns, launchInTurns, launchRatios, type Party, parties, type Sample } from '../../bench/boot/turns.ts';

test('every round asks each party once, in the same order, and the first is not counted', async () => {
  const asked: Party[] = [];
  const taken = await inTurns(2, async (party) => asked.push(party));
  expect(asked).toEqual([...parties, ...parties, ...parties]);
  expect(taken).toEqual({ stock: [4, 7], hardened: [5, 8], control: [6, 9] });
});

test('slow rounds and slow launches leave the ratio alone', async () => {
  const cost = { stock: 100, hardened: 103, control: 100 };
  let [launches, rounds] = [0, 0];
  const taken = await launchInTurns(3, 5, async (party) => {
    const slow = 1 + Math.floor(launches++ / parties.length);
    const turn = async (): Promise<Sample> => {
      const busy = 1 + (Math.floor(rounds++ / parties.length) % 4) / 2;
      return { wall: cost[party] * slow * busy, cpu: cost[party] };
    };
    return { turn, stop: async () => {} };
  });
  const wall = (party: Party) => taken[party].map((samples) => samples.map((sample) => sample.wall));
  const walls = { stock: wall('stock'), hardened: wall('hardened'), control: wall('control') };
  expect(launchRatios(walls, 'hardened')).toHaveLength(3);
  for (const ratio of launchRatios(walls, 'hardened')) expect(ratio).toBeCloseTo(1.03, 10);
  expect(launchRatios(walls, 'control')).toEqual([1, 1, 1]);
});

test('a launch that fails stops those that were started', async () => {
  const stopped: Party[] = [];
  const start = async (party: Party) => {
    if (party === 'control') throw new Error('no memory');
    return { turn: async () => ({ wall: 1, cpu: 1 }), stop: async () => void stopped.push(party) };
  };
  await expect(launchInTurns(1, 1, start)).rejects.toThrow('no memory');
  expect(stopped).toEqual(['stock', 'hardened']);
});
