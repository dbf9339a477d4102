/** Counting a guest's instructions from QEMU's log: what counts, and what only looks like it. */
import { expect, test } from 'vitest';
import { countLogged } from '../../bench/boot/instructions.ts';

const guest = (address: string): string => `Trace 0: 0x7fe7780d5f80 [0000000000000000/${address}/0070c0b0/ff000201] `;
const tender = (address: string): string => `Trace 0: 0x7fe7780d5f80 [0000000000000000/${address}/0010c0b0/ff000201] f`;
const stopped = (address: string): string => `Stopped execution of TB chain before 0x7fe7780d5f80 [${address}] `;

async function* lines(list: readonly string[]): AsyncIterable<string> {
  yield* list;
}

const span = { from: 0x109000, to: 0x101000, ranges: [] };
const count = (list: readonly string[]) => countLogged(lines(list), span);

test('the guest’s instructions count from the first to the one before the last', async () => {
  const log = [guest('101000'), guest('109000'), guest('109001'), guest('109001'), guest('101000'), guest('101001')];
  expect(await count(log)).toBe(3);
});

test('the emulated tender’s do not, at the same addresses', async () => {
  expect(await count([tender('109000'), guest('109000'), tender('101000'), tender('109001'), guest('101000')])).toBe(1);
});

test('an instruction that an interrupt kept from running counts when it runs', async () => {
  const log = [guest('109000'), guest('109004'), stopped('109004'), guest('109004'), guest('101000')];
  expect(await count(log)).toBe(2);
});

test('a log without the end gives no count', async () => {
  expect(await count([guest('109000'), guest('109004')])).toBeUndefined();
  expect(await count([])).toBeUndefined();
});
