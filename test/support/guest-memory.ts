/**
 * The memory of a guest while it runs: what QEMU's monitor gives of the machine, and what QEMU itself has besides.
 *
 * The machine is stopped first, so that memory and registers are of one moment.
 */
import { closeSync, openSync, readFileSync, readSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { temporaryFolder } from './paths.ts';

/** Where QEMU's machines have their memory. */
export const memoryBase = { hvt: 0, riscv64: 0x8000_0000 } as const;

export interface Machine {
  /** Physical memory from `base` on. */
  readonly memory: Buffer;
  readonly base: number;
  /** Where it lies in QEMU's own memory. */
  readonly host: number;
  /** Of all processors, as QEMU prints them. */
  readonly registers: string;
}

/** A piece of QEMU's own memory. */
export interface HostMemory {
  readonly name: string;
  readonly bytes: Buffer;
}

/** Words that give QEMU a monitor, and how to take the machine's memory by it. */
export interface Monitor {
  readonly words: readonly string[];
  readonly take: (target: keyof typeof memoryBase) => Promise<Machine>;
}

interface Answer {
  readonly return?: unknown;
  readonly error?: { readonly desc: string };
}

/** A line of the QEMU Machine Protocol: a command at a time, its answer. */
async function talk(
  path: string,
): Promise<{ ask: (execute: string, given?: object) => Promise<unknown>; end(): void }> {
  const socket = connect(path);
  let pending = '';
  const answers: Answer[] = [];
  let wake = (): void => {};
  let failed: Error | undefined;
  socket.setEncoding('utf8');
  socket.on('data', (chunk: string) => {
    const lines = (pending + chunk).split('\n');
    pending = lines.pop()!;
    for (const line of lines) {
      const message = JSON.parse(line) as Answer & { event?: string; QMP?: object };
      if (message.event === undefined && message.QMP === undefined) answers.push(message);
    }
    wake();
  });
  for (const name of ['error', 'close'] as const)
    socket.on(name, (error?: unknown) => {
      failed = error instanceof Error ? error : new Error('QEMU closed its monitor');
      wake();
    });
  const ask = async (execute: string, given?: object): Promise<unknown> => {
    socket.write(`${JSON.stringify({ execute, ...(given === undefined ? {} : { arguments: given }) })}\n`);
    while (answers.length === 0) {
      if (failed !== undefined) throw failed;
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
    const { error, return: value } = answers.shift()!;
    if (error !== undefined) throw new Error(`${execute}: ${error.desc}`);
    return value;
  };
  await ask('qmp_capabilities');
  return { ask, end: () => socket.destroy() };
}

/** A monitor for one machine that is yet to be started. */
export function monitor(): Monitor {
  const folder = temporaryFolder('monitor');
  const path = join(folder, 'm');
  const take: Monitor['take'] = async (target) => {
    const { ask, end } = await talk(path);
    try {
      await ask('stop');
      const human = (line: string): Promise<unknown> => ask('human-monitor-command', { 'command-line': line });
      const registers = String(await human('info registers -a'));
      const base = memoryBase[target];
      const where = String(await human(`gpa2hva ${base}`));
      const host = Number(/ is (0x[0-9a-f]+)/.exec(where)?.[1]);
      if (!Number.isSafeInteger(host)) throw new Error(`gpa2hva: ${where}`);
      const size = (await ask('query-memory-size-summary')) as { readonly 'base-memory': number };
      const filename = join(folder, 'memory');
      await ask('pmemsave', { val: base, size: size['base-memory'], filename });
      return { memory: readFileSync(filename), base, host, registers };
    } finally {
      end();
    }
  };
  return { words: ['-qmp', `unix:${path},server=on,wait=off`], take };
}

const PAGE = 4096;
/** Bytes of /proc/PID/pagemap for a page; its highest bit: the page is there. */
const ENTRY = 8;

/** What QEMU, a process of our own, has in memory and may write, page by page as it is there, but for the machine's memory. */
export function hostMemory(pid: number, { memory, host }: Machine): HostMemory[] {
  const maps = readFileSync(`/proc/${pid}/maps`, 'utf8').split('\n');
  const mem = openSync(`/proc/${pid}/mem`, 'r');
  const pages = openSync(`/proc/${pid}/pagemap`, 'r');
  try {
    return maps.flatMap((line): HostMemory[] => {
      const [, from, to, name] = /^([0-9a-f]+)-([0-9a-f]+) rw\S* \S+ \S+ \S+ *(.*)$/.exec(line) ?? [];
      if (from === undefined || to === undefined) return [];
      const start = Number.parseInt(from, 16);
      const count = (Number.parseInt(to, 16) - start) / PAGE;
      const present = Buffer.alloc(ENTRY * count);
      readSync(pages, present, 0, present.length, (start / PAGE) * ENTRY);
      const isOwn = (at: number): boolean => at < host || at >= host + memory.length;
      const isThere = (i: number): boolean => (present[ENTRY * i + ENTRY - 1]! & 0x80) !== 0;
      const pieces: Buffer[] = [];
      for (let i = 0; i < count; i++) {
        let next = i;
        while (next < count && isThere(next) && isOwn(start + PAGE * next)) next++;
        if (next === i) continue;
        const piece = Buffer.alloc(PAGE * (next - i));
        readSync(mem, piece, 0, piece.length, start + PAGE * i);
        pieces.push(piece);
        i = next;
      }
      const bytes = Buffer.concat(pieces);
      return [{ name: name === undefined || name === '' ? 'anonymous memory' : name, bytes }];
    });
  } finally {
    closeSync(mem);
    closeSync(pages);
  }
}
