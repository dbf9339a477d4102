/** How much of a host's processor a guest takes while it waits. */
import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { bootRiscv, type RiscvBootOptions, type RiscvBootResult } from '../../../targets/riscv64/boot.ts';
import { findTool } from '../../support/tools.ts';

/** Processor time of a process in seconds; /proc counts in hundredths. */
export function processorTime(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /, '')
    .split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

/**
 * Boots `image`, waits until it has said `word`, and measures for `milliseconds`. `busy`: the share of one processor.
 * `meanwhile` runs after that, before the guest's end is waited for.
 */
export async function startMeasured(
  image: string,
  options: Partial<RiscvBootOptions>,
  word: string,
  milliseconds: number,
  meanwhile: () => Promise<unknown> = async () => {},
): Promise<{ busy: number; result: RiscvBootResult }> {
  let child: ChildProcess | undefined;
  let said: () => void;
  const begun = new Promise<void>((resolve) => {
    said = resolve;
  });
  const host = {
    find: findTool,
    emulator: '',
    spawn: (path: string, args: readonly string[], spawnOptions: SpawnOptions) => {
      child = spawn(path, args, spawnOptions);
      return child;
    },
  };
  let heard = '';
  const onConsole = (chunk: Uint8Array) => {
    heard += Buffer.from(chunk).toString();
    if (heard.includes(word)) said();
  };
  const running = bootRiscv({ image, memory: 32, timeout: 60, onConsole, ...options }, host);
  await Promise.race([begun, running]);
  // Translating code that runs for the first time is over by then.
  await sleep(300);
  const before = processorTime(child!.pid!);
  const started = performance.now();
  await sleep(milliseconds);
  const busy = (processorTime(child!.pid!) - before) / ((performance.now() - started) / 1000);
  await meanwhile();
  return { busy, result: await running };
}
