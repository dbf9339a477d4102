import { describe, expect, it } from 'vitest';
import { createProgress, type ProgressSink } from '../../pipeline/progress.ts';

function screen(terminal: boolean, verbose = false): { text: () => string; sink: ProgressSink } {
  let written = '';
  let clock = 0;
  return {
    text: () => written,
    sink: {
      write: (text) => {
        written += text;
      },
      terminal,
      verbose,
      now: () => (clock += 5),
      patience: 20,
    },
  };
}

const wait = (ms: number): Promise<void> => new Promise((done) => setTimeout(done, ms));

describe('progress', () => {
  it('is silent for quick work', async () => {
    const { text, sink } = screen(false);
    expect(await createProgress(sink).phase('linking', () => 42)).toBe(42);
    expect(text()).toBe('');
  });

  it('shows a slow phase with its count, and a blocking one at once', async () => {
    const { text, sink } = screen(false);
    const progress = createProgress(sink);
    await progress.phase('compiling', async (step) => {
      step('3/12');
      await wait(60);
    });
    expect(text()).toBe('casemate: compiling 3/12 ...\n');
    await progress.phase('linking', () => 0, true);
    expect(text()).toBe('casemate: compiling 3/12 ...\ncasemate: linking ...\n');
  });

  it('leaves a clean line on a terminal, also when the phase fails', async () => {
    const { text, sink } = screen(true);
    const work = createProgress(sink).phase('linking', () => Promise.reject(new Error('no')), true);
    await expect(work).rejects.toThrow('no');
    expect(text()).toBe('casemate: linking ...\r\u001b[K');
  });

  it('tells the time of every phase when asked for detail', async () => {
    const { text, sink } = screen(false, true);
    const progress = createProgress(sink);
    await progress.phase('linking', () => 0);
    progress.detail('more');
    expect(text()).toBe('casemate: linking: 5 ms\nmore\n');
  });
});
