/**
 * A process that links mutants one after another through the linker's own function, without starting a process each.
 *
 * It announces each mutant before it starts, so that its parent knows which one hangs or crashes it, and reports how
 * each ended. Lines go through writeSync, because a linker that does not return would never let a stream flush.
 * Usage: node worker.mjs FOLDER SEED FROM TO, with the corpus as JSON in FOLDER/corpus.json.
 */
import { readFileSync, writeFileSync, writeSync } from 'node:fs';
import { basename, join } from 'node:path';
import { CasemateError } from '../../../base/errors.ts';
import { readFileIfPresent } from '../../../base/files.ts';
import { link } from '../../../linker/link.ts';
import { defaultOptions, type LinkRequest } from '../../../linker/request.ts';
import { parseScript } from '../../../linker/script/parse.ts';
import { limits, longestLine } from '../judge.ts';
import type { CorpusLink } from './corpus.ts';
import { type Attempt, makeAttempt } from './mutants.ts';

export interface WorkerReport {
  readonly index: number;
  /** 'linked', or the code of the refusal; 'defect' when the run broke a rule. */
  readonly end: string;
  readonly milliseconds: number;
  readonly peakKiB: number;
  /** What was wrong, for a defect. */
  readonly wrong?: string;
}

/** Resets the kernel's record of this process's peak; it then starts from what is held now. */
function resetPeak(): void {
  writeFileSync('/proc/self/clear_refs', '5');
}

function peakKiB(): number {
  return Number(/VmHWM:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))![1]);
}

function requestOf({ link: corpus, variant, mutant }: Attempt, folder: string): LinkRequest {
  const read = (name: string): Uint8Array => (name === corpus.victim ? mutant.bytes : readFileSync(join(folder, name)));
  const options = { ...defaultOptions, machine: corpus.machine, ...variant.options };
  const scripts = corpus.kind === 'script' ? [parseScript(mutant.bytes.toString('utf8'), corpus.victim)] : [];
  return {
    files: corpus.files.map((name) => ({ name, bytes: read(name) })),
    options: { ...options, scripts },
    // What a path may reach is the command's business: here only the corpus folder's files are.
    readMember: (path) =>
      /^[\w.-]+\.[oa]$/.test(basename(path)) ? readFileIfPresent(join(folder, basename(path))) : undefined,
  };
}

/** What is wrong with a refusal's message. */
function judgeMessage(message: string, corpus: CorpusLink): string | undefined {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: looking for control characters that were not escaped
  if (/[\x00-\x1f\x7f]/.test(message)) return 'control characters in a message';
  if (message.length > longestLine(message)) return `a message of ${message.length} characters`;
  const names = [corpus.victim, ...corpus.files, 'good-0.o', 'nothing'];
  return names.some((name) => message.includes(name)) ? undefined : 'the message names none of the files';
}

/** What is wrong with an output: every segment must lie in the file. */
function judgeImage(bytes: Uint8Array): string | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const headers = Number(view.getBigUint64(32, true));
  for (let i = 0; i < view.getUint16(56, true); i++) {
    const at = headers + 56 * i;
    const [offset, fileSize, size] = [8, 32, 40].map((field) => Number(view.getBigUint64(at + field, true)));
    if (offset! + fileSize! > bytes.length) return `segment ${i} goes past the end of the output`;
    if (fileSize! > size!) return `segment ${i} is larger in the file than in memory`;
  }
  return undefined;
}

function attempt(index: number, made: Attempt, folder: string): WorkerReport {
  resetPeak();
  const started = performance.now();
  const before = process.cpuUsage();
  let end = 'linked';
  let wrong: string | undefined;
  try {
    wrong = judgeImage(link(requestOf(made, folder)).image.bytes);
  } catch (error) {
    if (error instanceof CasemateError) {
      end = error.code;
      wrong = judgeMessage(error.message, made.link);
      if (wrong !== undefined) wrong += `: ${error.message.slice(0, 500)}`;
    } else {
      wrong = error instanceof Error ? (error.stack ?? error.message).slice(0, 1500) : String(error);
    }
  }
  // What others do with the machine is not the link's doing.
  const { user, system } = process.cpuUsage(before);
  const milliseconds = Math.min(performance.now() - started, (user + system) / 1000);
  const peak = peakKiB();
  if (milliseconds > limits.milliseconds) wrong ??= `took ${Math.round(milliseconds)} ms`;
  if (peak > limits.peakKiB) wrong ??= `took ${Math.round(peak / 1024)} MiB`;
  return { index, end: wrong === undefined ? end : 'defect', milliseconds, peakKiB: peak, ...(wrong && { wrong }) };
}

const collect = (globalThis as { gc?: () => void }).gc ?? (() => undefined);

function main(): void {
  const [folder, seed, from, to] = process.argv.slice(2) as [string, string, string, string];
  const links = JSON.parse(readFileSync(join(folder, 'corpus.json'), 'utf8')) as CorpusLink[];
  const goods = links.map(({ good }) => readFileSync(good));
  const say = (line: string): void => void writeSync(1, `${line}\n`);
  for (let index = Number(from); index < Number(to); index++) {
    const made = makeAttempt(links, goods, Number(seed), index);
    say(`start ${index}`);
    let report = attempt(index, made, folder);
    if (report.milliseconds > limits.milliseconds || report.peakKiB > limits.peakKiB) {
      // A busy machine, or garbage of the runs before: only what happens twice is the mutant's doing.
      collect();
      report = attempt(index, made, folder);
    }
    say(`done ${JSON.stringify(report)}`);
  }
}

main();
