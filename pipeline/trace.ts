/**
 * What a build came from, kept for its evidence: every file that was read, by the hash that it had when it was read, and
 * what the phases know that no later reader of the image can find out.
 *
 * Foreign files pass through the lock's ledger, so the ledger is watched; the project's own sources and headers are what
 * the compiler says that it has read. Nothing is kept unless evidence is asked for.
 */
import type { EvidenceInput } from '../evidence/evidence.ts';
import { isElf } from '../linker/identify.ts';
import type { LinkedImage } from '../linker/image.ts';
import { isArchive } from '../linker/read-archive.ts';
import type { InputFile } from '../linker/request.ts';
import type { Audit } from './audit.ts';
import { type Ledger, sha256 } from './lock.ts';
import type { SeL4Choice } from './target-sel4.ts';
import type { VerifiedUnit } from './verified.ts';

export interface BuildTrace {
  /** By kind, then name. */
  readonly inputs: readonly EvidenceInput[];
  /** Lines of the sources and headers among them, by name. */
  readonly lines: ReadonlyMap<string, number>;
  /** First line of the compiler's --version. */
  readonly compiler?: string;
  /** The image's file name, with its target's extension, wherever it was written. */
  readonly name: string;
  /** The finished file. */
  readonly bytes: Uint8Array;
  /** As it was linked. */
  readonly linked: LinkedImage;
  readonly sel4?: SeL4Choice;
  readonly unit?: VerifiedUnit;
  readonly audit?: Audit;
}

const source = /\.(c|h|s|S|ts|inc|def)$/;

const kindOf = (name: string, bytes: Uint8Array): EvidenceInput['kind'] =>
  isElf(bytes) ? 'object' : isArchive(bytes) ? 'archive' : source.test(name) ? 'source' : 'script';

function linesOf(bytes: Uint8Array): number {
  let lines = bytes.length > 0 && bytes.at(-1) !== 10 ? 1 : 0;
  for (let at = bytes.indexOf(10); at >= 0; at = bytes.indexOf(10, at + 1)) lines++;
  return lines;
}

export function openTrace() {
  const inputs = new Map<string, EvidenceInput>();
  const lines = new Map<string, number>();
  let compiler: string | undefined;
  const see = (kind: EvidenceInput['kind'], name: string, bytes: Uint8Array): void => {
    // A kind and a name stand for one file; a slash is in no kind.
    inputs.set(`${kind}/${name}`, { kind, name, sha256: sha256(bytes), size: bytes.length });
  };
  const seeSource = (name: string, bytes: Uint8Array): void => {
    see('source', name, bytes);
    lines.set(name, linesOf(bytes));
  };
  return {
    seeSource,
    see,
    /** The ledger, watched. */
    watching: (ledger: Ledger): Ledger => ({
      ...ledger,
      seeInput: (name, bytes) => {
        ledger.seeInput(name, bytes);
        const kind = kindOf(name, bytes);
        if (kind === 'source') seeSource(name, bytes);
        else see(kind, name, bytes);
      },
      seeCompiler: (line) => {
        ledger.seeCompiler(line);
        compiler = line;
      },
    }),
    /** What was lowered, and what is going to be linked; a link may change objects where they lie. */
    seeFiles: (files: readonly InputFile[], unit: VerifiedUnit | undefined): void => {
      for (const { name, text } of unit?.sources ?? []) seeSource(name, Buffer.from(text));
      for (const { name, bytes } of files) see(isArchive(bytes) ? 'archive' : 'object', name, bytes);
    },
    close: (): Pick<BuildTrace, 'inputs' | 'lines' | 'compiler'> => {
      const order = ({ kind, name }: EvidenceInput): string => `${kind}/${name}`;
      const sorted = [...inputs.values()].sort((a, b) => (order(a) < order(b) ? -1 : 1));
      return { inputs: sorted, lines, ...(compiler !== undefined && { compiler }) };
    },
  };
}
