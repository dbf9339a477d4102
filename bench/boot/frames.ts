/**
 * Ethernet frames through a guest for bare RISC-V and back, some on the way at a time, over a wire that loses nothing.
 *
 * The guest is ours, or the least that can do it: inputs/boot/bare-echo, C without a platform layer and without
 * protections, for this machine and device alone. Both get the same command line of QEMU.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { buildProject } from '../../pipeline/build.ts';
import { hardenRiscv } from '../../targets/riscv64/harden.ts';
import { riscvQemuArguments } from '../../targets/riscv64/qemu.ts';
import { type FrameWire, openFrameWire } from '../../test/support/frame-wire.ts';
import { cacheFolder, projectRoot } from '../../test/support/paths.ts';
import { runOrThrow } from '../../test/support/run.ts';
import { requireTool } from '../../test/support/tools.ts';
import { silent } from './guests.ts';
import { type Contender, processorTime } from './turns.ts';

const guestMac = [2, 0, 0, 0, 0, 1];
const timeout = 30_000;

export interface EchoImages {
  /** Nothing but the echo; the same with two copies of every frame, as an API between driver and program takes. */
  readonly bare: string;
  readonly copies: string;
  /** Ours, as built and hardened. */
  readonly plain: string;
  readonly hardened: string;
}

async function buildBare(name: string, flags: readonly string[]): Promise<string> {
  const inputs = join(projectRoot, 'bench/inputs/boot/bare-echo');
  const path = (suffix: string): string => join(cacheFolder('bench/boot'), `${name}.${suffix}`);
  const target = ['--target=riscv64-unknown-elf', '-march=rv64gc', '-mabi=lp64d', '-mcmodel=medany', '-mno-relax'];
  const options = ['-O2', '-ffreestanding', '-Wall', '-Wextra', ...flags];
  await runOrThrow(requireTool('clang'), [...target, ...options, '-c', join(inputs, 'echo.c'), '-o', path('o')]);
  await runOrThrow(requireTool('ld.lld'), ['-T', join(inputs, 'echo.ld'), path('o'), '-o', path('elf')]);
  return path('elf');
}

export async function buildEchoes(): Promise<EchoImages> {
  const plain = join(cacheFolder('bench/boot'), 'frames.riscv64');
  const folder = join(projectRoot, 'test/targets/riscv64/guests/frames');
  await buildProject({ folder, output: plain, lock: 'update', progress: silent });
  const hardened = join(cacheFolder('bench/boot'), 'frames-hardened.riscv64');
  writeFileSync(hardened, hardenRiscv(readFileSync(plain), plain).bytes);
  return { bare: await buildBare('bare', []), copies: await buildBare('copies', ['-DCOPIES']), plain, hardened };
}

/** `frames` there and back, at most `inFlight` of them on the way at a time; `answers` is what must come back. */
function roundTrips(
  wire: FrameWire,
  frames: readonly Buffer[],
  answers: readonly Buffer[],
  inFlight: number,
): Promise<void> {
  return new Promise((resolve, reject) => {
    let [sent, back] = [0, 0];
    const end = (error?: Error): void => {
      clearTimeout(timer);
      wire.receive = () => {};
      if (error === undefined) resolve();
      else reject(error);
    };
    const timer = setTimeout(() => end(new Error('the echo guest stopped answering')), timeout);
    wire.receive = (frame) => {
      if (!frame.equals(answers[back]!)) end(new Error(`frame ${back} came back changed`));
      else if (++back === frames.length) end();
      else if (sent < frames.length) wire.send([frames[sent++]!]);
    };
    sent = Math.min(inFlight, frames.length);
    wire.send(frames.slice(0, sent));
  });
}

/** Waits until the guest answers. */
async function meet(wire: FrameWire, frame: Buffer): Promise<void> {
  for (let waited = 0; waited < timeout; waited += 50) {
    const answered = new Promise<boolean>((resolve) => {
      wire.receive = () => resolve(true);
    });
    wire.send([frame]);
    const late = new Promise<boolean>((resolve) => setTimeout(resolve, 50, false));
    if (!(await Promise.race([answered, late]))) continue;
    // Answers to earlier ones.
    wire.receive = () => {};
    await new Promise((resolve) => setTimeout(resolve, 200));
    return;
  }
  throw new Error('the echo guest does not answer');
}

/** Starts a guest; a turn is one frame of each of `sizes`, at most `inFlight` of them on the way. */
export async function startFrames(image: string, sizes: readonly number[], inFlight: number): Promise<Contender> {
  const wire = await openFrameWire();
  const attachment = { name: 'net0', mac: guestMac, ...wire.net };
  const launch = { image, memory: 64, machine: 'virt', commandLine: '', token: 'x', legacy: false, rng: false };
  const devices = [{ type: 'net' as const, index: 1, attachment }];
  const args = riscvQemuArguments({ ...launch, devices });
  const child: ChildProcess = spawn(requireTool('qemu-system-riscv64'), args, { stdio: 'ignore' });
  const ended = once(child, 'exit');
  const frames = sizes.map((size, i) => Buffer.alloc(size, i));
  for (const frame of frames) frame.writeUInt16BE(0x88b5, 12);
  const answers = frames.map((frame) =>
    Buffer.concat([frame.subarray(6, 12), frame.subarray(0, 6), frame.subarray(12)]),
  );
  await Promise.race([
    wire.connected.then(() => meet(wire, frames[0]!)),
    ended.then(([status]) => {
      throw new Error(`${image}: QEMU ended with ${status}`);
    }),
  ]);
  return {
    turn: async () => {
      const [start, used] = [performance.now(), processorTime(child.pid!)];
      await roundTrips(wire, frames, answers, inFlight);
      return { wall: performance.now() - start, cpu: processorTime(child.pid!) - used };
    },
    stop: async () => {
      child.kill('SIGKILL');
      await ended;
      await wire.close();
    },
  };
}
