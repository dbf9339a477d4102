/**
 * Negative controls: what is false, asked of the very tools that a build believes, before they are believed.
 *
 * A solver that calls everything proved, rules that find nothing and an analysis that sees no residue make evidence as good
 * as any other. So a build asks them for things that are known to be otherwise: contracts that do not hold, an image of its
 * own in which one bit makes text writable, one with a private key behind it, a function that leaves its secret on the stack.
 * One that is not rejected ends the build; what was rejected, by which tool, is in the evidence, and whoever verifies asks
 * their own tools again.
 */
import { fail, printable } from '../base/errors.ts';
import type { EvidenceControl } from '../evidence/evidence.ts';
import { rules } from '../hardening/rules/index.ts';
import { analyzeErasure } from '../hardening/zeroization/analyze.ts';
import * as elf from '../linker/elf.ts';
import { readElfFile } from '../linker/elf-file.ts';
import { findingsOfImage } from './image-findings.ts';
import { obligationEntries } from './proof-evidence.ts';
import type { ProveRequest } from './prove.ts';

/**
 * Contracts that do not hold. Each of the first two is false for one value among four billions, which no run comes upon: a
 * solver has to find it. The others are what programmers get wrong.
 */
const falseSource = `import { invariant, type u8, type u16, type u32 } from 'casemate';
/** @ensures result !== 3735928559 */
export function onePairOfMany(low: u16, high: u16): number {
  return low + high * 65536;
}
/** @ensures result !== 1000000003 */
export function oneOfMany(n: u32): number {
  return n * 3 + 7;
}
/** @requires at <= bytes.length */
export function pastTheEnd(bytes: Readonly<Uint8Array>, at: u32): u8 {
  return bytes[at];
}
/** @ensures result > n */
export function wrapsAround(n: u32): u32 {
  return (n + 1) >>> 0;
}
/** @ensures result === n * 2 */
export function forgetsOne(n: u8): u32 {
  let sum = 0;
  for (let i = 1; i < n; i++) {
    invariant(sum === 2 * (i - 1));
    sum += 2;
  }
  return sum;
}
`;
const falseFunctions = ['onePairOfMany', 'oneOfMany', 'pastTheEnd', 'wrapsAround', 'forgetsOne'];

const controlName = (name: string): string => `a false contract: ${name}`;

/** Names of the controls of solvers. */
export const falseContracts: readonly string[] = falseFunctions.map(controlName);

type Prove = Pick<ProveRequest, 'budget'> & Partial<Pick<ProveRequest, 'cache'>>;

/** Each false contract, and which solvers refuted it. */
export async function proofControls(request: Prove): Promise<EvidenceControl[]> {
  const { proveSources } = await import('./prove.ts');
  const report = await proveSources([{ name: 'control.ts', text: falseSource }], { ...request, crossCheck: false });
  const entries = obligationEntries(report);
  return falseFunctions.map((name) => {
    const own = entries.filter((one) => one.name.startsWith(`${name}/`));
    const failed = own.find(({ status }) => status === 'failed');
    // A run confirms what a solver found; where none was asked, the run found it.
    const builds = [...new Set((failed?.answers ?? []).map(({ build }) => build))].sort();
    const found = failed ? 'failed' : own.length === 0 ? 'nothing was asked' : 'proved, or unknown';
    const tool = builds.length > 0 ? builds.join(', ') : (failed?.by ?? 'solvers');
    return { name: controlName(name), tool, expected: 'failed', found };
  });
}

/** The image with its text writable as well. */
function withWritableText(image: Uint8Array): Uint8Array {
  const copy = Buffer.from(image);
  const { header, segments } = readElfFile(image, 'a control');
  const isText = ({ type, flags }: (typeof segments)[number]): boolean =>
    type === elf.PT_LOAD && (flags & elf.PF_X) !== 0;
  // The program's, and not the page of a stub: the largest.
  const [text] = segments.filter(isText).sort((a, b) => b.memorySize - a.memorySize);
  if (text === undefined) return copy;
  const at = Number(header.programHeadersOffset) + segments.indexOf(text) * header.programHeaderSize + 4;
  copy.writeUInt32LE(copy.readUInt32LE(at) | elf.PF_W, at);
  return copy;
}

/** The image with a private key behind it, which is nobody's: its bytes are counted off. */
function withPrivateKey(image: Uint8Array): Uint8Array {
  const prefix = Buffer.from('302e020100300506032b657004220420', 'hex');
  const der = Buffer.concat([prefix, Buffer.from(Array.from({ length: 32 }, (_, i) => i))]);
  const [begin, end] = ['BEGIN', 'END'].map((word) => `-----${word} PRIVATE KEY-----\n`);
  return Buffer.concat([image, Buffer.from(`\n${begin}${der.toString('base64')}\n${end}`)]);
}

/** Each rule that must fail on a copy of the image that was made worse. */
export function ruleControls(image: Uint8Array, tool: string): EvidenceControl[] {
  const cases = [
    ['wx', 'text that is writable', withWritableText],
    ['secrets', 'a private key in the file', withPrivateKey],
  ] as const;
  return cases.map(([id, what, worse]) => {
    const findings = findingsOfImage(worse(image), 'a control', { chosen: rules.filter((rule) => rule.id === id) });
    const found = findings.some(({ outcome }) => outcome === 'fail') ? 'fail' : 'pass';
    return { name: `the image with ${what}: ${id}`, tool, expected: 'fail', found };
  });
}

/** A function that puts eight bytes of its secret below the stack pointer and returns, by machine. */
const leaving: readonly (readonly [machine: number, name: string, code: string])[] = [
  // mov rax, [rdi]; mov [rsp - 8], rax; xor eax, eax; ret
  [elf.EM_X86_64, 'x86-64', '488b07 48894424f8 31c0 c3'],
  // ld t0, 0(a0); sd t0, -8(sp); li t0, 0; ret
  [elf.EM_RISCV, 'riscv64', '83320500 233c51fe 93020000 67800000'],
];

/** A residue that must be seen, of each machine that the analysis knows. */
export function erasureControls(tool: string): EvidenceControl[] {
  return leaving.map(([machine, name, code]) => {
    const bytes = Buffer.from(code.replaceAll(' ', ''), 'hex');
    const address = 0x10000;
    const { stack } = analyzeErasure(
      {
        machine,
        code: [{ address, bytes }],
        memory: [{ address, bytes, size: bytes.length, isWritable: false }],
        symbols: new Map([['leaves', address]]),
      },
      { function: 'leaves', arguments: { 0: { kind: 'secret', size: 32 } }, result: 0, clears: false },
    );
    return { name: `a function that leaves its secret: ${name}`, tool, expected: 'residue', found: stack.kind };
  });
}

/** What was not rejected; undefined: all were. */
export function unrejected(controls: readonly EvidenceControl[]): string | undefined {
  const bad = controls.find(({ expected, found }) => expected !== found);
  return bad && printable(`${bad.name}: ${bad.tool} said "${bad.found}"; must be "${bad.expected}"`, 500);
}

/** Errors: 'tool' for a control that was not rejected. */
export function requireRejected(controls: readonly EvidenceControl[]): readonly EvidenceControl[] {
  const bad = unrejected(controls);
  if (bad !== undefined) fail('tool', `${bad}: what this tool says of the project is worth nothing; reinstall it`);
  return controls;
}
