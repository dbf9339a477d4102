/**
 * A Z3 worker: a process of its own around the WebAssembly build, which answers one question after another.
 *
 * - The text is copied into Z3's memory by hand and freed after the call. (The package's own wrapper passes it as a
 *   temporary that may be overwritten while Z3 still reads it, and then answers another question.) The call is
 *   synchronous, so nothing of this process can run meanwhile; afterwards the copy is compared, byte by byte.
 * - Z3's memory is bounded before it is made: the module imports a memory of 2 GiB, and the two bounds in its import
 *   section, the only bytes changed, are lowered. Running out of it ends the process, and nothing else does so in time:
 *   Z3's own limits of memory are not looked at everywhere.
 * - A function of Z3 is checked and compiled when it is first called, not all of them before the first question: most are
 *   never called, and checking them takes longer than a proof. One that is malformed ends the process then.
 * - Each question has a context of its own, freed afterwards, so that no answer depends on what was asked before it.
 * - A watch thread ends the process when its parent is gone, for while Z3 runs nothing else here can notice.
 *
 * Run with the bytes of Z3's memory as its argument. Bundled to dist/z3-worker.js; z3-solver is found from there.
 */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { setFlagsFromString } from 'node:v8';
import { Worker } from 'node:worker_threads';
import { type Asked, type Batch, commandsAfter, commandsBefore, longestOutput, type Said } from '../protocol.ts';

/** The part of the Emscripten module that is used. Pointers are numbers. */
interface Z3 {
  readonly HEAPU8: Uint8Array;
  _malloc(size: number): number;
  _free(pointer: number): void;
  UTF8ToString(pointer: number, limit?: number): string;
  _Z3_get_full_version(): number;
  _Z3_mk_config(): number;
  _Z3_del_config(config: number): void;
  _Z3_mk_context(config: number): number;
  _Z3_del_context(context: number): void;
  _set_noop_error_handler(context: number): void;
  _Z3_eval_smtlib2_string(context: number, text: number): number;
}

const page = 65536;

const warming = '(set-logic QF_LIA)(declare-const x Int)(assert (< x 1))(assert (> (* 2 x) 1))(check-sat)';

/** The module with its memory bounded to `pages`; the import is (memory $env.memory 32768 32768 shared). */
function withMemory(module: Uint8Array, pages: number): Uint8Array {
  const bytes = Buffer.from(module.buffer, module.byteOffset, module.byteLength);
  const name = Buffer.from('\x03env\x06memory\x02\x03', 'latin1');
  const old = Buffer.from([0x80, 0x80, 0x02, 0x80, 0x80, 0x02]);
  const at = bytes.indexOf(Buffer.concat([name, old]));
  // The import section is within the first kilobytes.
  if (at < 0 || at > 8192)
    throw new Error('the module of z3-solver imports no memory of 2 GiB; is it another version?');
  const number = [(pages & 0x7f) | 0x80, ((pages >> 7) & 0x7f) | 0x80, pages >> 14];
  bytes.set([...number, ...number], at + name.length);
  return bytes;
}

async function loadZ3(memory: number): Promise<Z3> {
  const load = createRequire(import.meta.url);
  const path = load.resolve('z3-solver/build/z3-built.js');
  const pages = Math.floor(memory / page);
  // An engine that has no such flag passes over it.
  setFlagsFromString('--wasm-lazy-validation');
  const wasmBinary = withMemory(readFileSync(path.replace(/\.js$/, '.wasm')), pages);
  const init = load(path) as (options: object) => Promise<Z3>;
  const quiet = (): void => {};
  return init({ wasmBinary, INITIAL_MEMORY: pages * page, print: quiet, printErr: quiet });
}

/** Throws when Z3 traps. Its memory is then in no known state, so nothing is freed, which could hang. */
function evaluate(z3: Z3, context: number, text: string): string {
  const bytes = Buffer.from(`${text}\0`, 'latin1');
  const pointer = z3._malloc(bytes.length);
  z3.HEAPU8.set(bytes, pointer);
  const output = z3.UTF8ToString(z3._Z3_eval_smtlib2_string(context, pointer), longestOutput);
  const kept = bytes.equals(z3.HEAPU8.subarray(pointer, pointer + bytes.length));
  z3._free(pointer);
  return kept ? output : 'the text changed while it was read';
}

function answer(z3: Z3, { text, before, word, whenSat, whenUnsat }: Asked): { output: string; more?: string } {
  const config = z3._Z3_mk_config();
  const context = z3._Z3_mk_context(config);
  z3._Z3_del_config(config);
  z3._set_noop_error_handler(context);
  const output = evaluate(z3, context, before + text + commandsAfter(word));
  const next = output.startsWith('sat\n') ? whenSat : output.startsWith('unsat\n') ? whenUnsat : undefined;
  const more = next === undefined ? undefined : evaluate(z3, context, next);
  z3._Z3_del_context(context);
  return more === undefined ? { output } : { output, more };
}

async function answerAll(z3: Z3, { batch, asked }: Batch, say: (said: Said) => void): Promise<void> {
  say({ begun: batch });
  for (const [index, question] of asked.entries()) {
    say({ batch, index, ...answer(z3, question), resident: process.memoryUsage.rss() });
    // What was said leaves now, not when the batch is done.
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** Ends this process, whatever its main thread is doing, when its parent is no longer the one that started it. */
function watchParent(): void {
  const code = `
    const parent = ${process.ppid};
    setInterval(() => { if (process.ppid !== parent) process.kill(process.pid, 'SIGKILL'); }, 250);`;
  new Worker(code, { eval: true, stdout: true, stderr: true }).unref();
}

async function main(): Promise<void> {
  const say = (said: Said): void => {
    process.send!(said);
  };
  // Ctrl-C goes to the whole group; what happens then is for the parent to say.
  process.on('SIGINT', () => {});
  process.on('disconnect', () => process.kill(process.pid, 'SIGKILL'));
  watchParent();
  const z3 = await loadZ3(Number(process.argv[2]));
  // What each question needs is compiled when it first runs, which takes longer than an answer.
  answer(z3, { text: warming, before: commandsBefore({ steps: 100_000, seed: 0, cores: false }), word: 'warm' });
  process.on('message', (batch: Batch) => {
    answerAll(z3, batch, say).catch(failed);
  });
  say({ ready: true, version: z3.UTF8ToString(z3._Z3_get_full_version()) });
}

/** After a trap Z3's memory is in no known state, so the process ends. */
function failed(error: unknown): void {
  const text = String(error);
  const reason = /Cannot enlarge memory/.test(text) ? 'out of memory' : text;
  process.send?.({ failed: reason } satisfies Said, () => process.exit(1));
}

main().catch(failed);
