/**
 * Machine code of x86-64 as operations (x86-64-operations.ts), by the decoder library.
 *
 * An instruction whose name has a meaning becomes one. Of the extensions that are listed here, any other is opaque: by
 * the library's tables it is known which registers, memory and flags it reads and writes, and no more. What is left has
 * no meaning and is refused by its name: privileged instructions, x87 and MMX with their own registers, gathers, masks,
 * memory whose size the tables do not know.
 */
import { type Instruction, iced } from '../decode-x86-64.ts';
import { hasMeaning } from './x86-64.ts';
import type { MemoryOperand, OpaqueEffects, Operand, Operation, Refusal } from './x86-64-operations.ts';

type Library = ReturnType<typeof iced>;

/** Names that mean a fence, a hint or a place to jump to. */
const idle = new Set(
  'nop endbr64 pause mfence lfence sfence prefetcht0 prefetcht1 prefetcht2 prefetchnta prefetchw cld'.split(' '),
);

/** Extensions of which instructions without a meaning of their own are opaque. */
const opaqueExtensions =
  'SSE SSE2 SSE3 SSSE3 SSE4_1 SSE4_2 AVX AVX2 AVX512F AVX512VL AVX512BW AVX512DQ AVX512_IFMA AES VAES PCLMULQDQ VPCLMULQDQ SHA BMI1 BMI2 ADX MOVBE POPCNT LZCNT CMOV GFNI FMA INTEL386 INTEL486 INTEL8086 INTEL186 INTEL286 X64 TSC RDRAND RDSEED RDTSCP CPUID CX8 CX16';

/** Of the integer instructions, those that may be opaque: the others do what no table tells. */
const opaqueIntegers = new Set(
  'bsf bsr tzcnt lzcnt popcnt movbe blsr blsi blsmsk bextr bzhi pdep pext crc32 rcl rcr cmpxchg cmpxchg8b cmpxchg16b lahf sahf rdtsc rdtscp cpuid rdrand rdseed'.split(
    ' ',
  ),
);

/** Of floating point, what computes, compares, converts and rounds; moves and bitwise operations raise nothing. */
const arithmetic =
  /^v?(cvt\w+|(add|sub|addsub|hadd|hsub|mul|div|sqrt|min|max|cmp\w*|u?comi|round|dp|range|reduce|rndscale|scalef|getexp|getmant|fixupimm|fn?m(add|sub)\w*)[ps][sdh])$/;

let allowed: ReadonlySet<number> | undefined;

function isAllowed(library: Library, instruction: Instruction, name: string): boolean {
  const { CpuidFeature } = library;
  allowed ??= new Set(
    opaqueExtensions.split(' ').map((feature) => CpuidFeature[feature as keyof typeof CpuidFeature] as number),
  );
  // The register of floating-point status is in no table of what is read and written.
  if (name.endsWith('mxcsr')) return false;
  const features = [...instruction.cpuidFeatures()];
  if (!features.every((feature) => allowed!.has(feature))) return false;
  const isVector = features.some((feature) =>
    /^(SSE|SSSE|AVX|AES|VAES|PCLMUL|VPCLMUL|SHA|GFNI|FMA)/.test(CpuidFeature[feature]!),
  );
  return isVector || opaqueIntegers.has(name);
}

function registerOperand(library: Library, register: number): Operand | undefined {
  const { Register, RegisterExt } = library;
  if (RegisterExt.isVectorRegister(register)) {
    const full = RegisterExt.fullRegister(register);
    return { kind: 'vector', number: full - Register.ZMM0, width: RegisterExt.size(register) * 8 };
  }
  if (!RegisterExt.isGPR(register)) return undefined;
  const isHigh = register >= Register.AH && register <= Register.BH;
  return {
    kind: 'register',
    number: RegisterExt.fullRegister(register) - Register.RAX,
    low: isHigh ? 8 : 0,
    width: RegisterExt.size(register) * 8,
  };
}

/** The memory that an instruction names, as so many bytes. */
function memoryOperand(library: Library, instruction: Instruction, bytes: number): MemoryOperand | undefined {
  const { Register, RegisterExt } = library;
  const { memoryBase, memoryIndex, memorySegment } = instruction;
  const number = (register: number): number | undefined => {
    if (register === Register.None) return -1;
    return RegisterExt.isGPR64(register) || RegisterExt.isGPR32(register)
      ? RegisterExt.fullRegister(register) - Register.RAX
      : undefined;
  };
  const isRelative = instruction.isIpRelMemoryOperand;
  const [base, index] = [isRelative ? -1 : number(memoryBase), isRelative ? -1 : number(memoryIndex)];
  if (base === undefined || index === undefined) return undefined;
  const isNarrow = RegisterExt.isGPR32(memoryBase) || RegisterExt.isGPR32(memoryIndex) || memoryBase === Register.EIP;
  const segment = memorySegment === Register.FS ? 'fs' : memorySegment === Register.GS ? 'gs' : undefined;
  return {
    kind: 'memory',
    base,
    index,
    scale: instruction.memoryIndexScale,
    displacement: isRelative ? instruction.ipRelMemoryAddress : BigInt.asUintN(64, instruction.memoryDisplacement),
    ...(segment && { segment }),
    isRelative,
    isNarrow,
    width: bytes * 8,
  };
}

/** What a conditional instruction is called; conditions are data. */
function nameOf(library: Library, instruction: Instruction): string {
  const { Mnemonic, OpKind } = library;
  const name = Mnemonic[instruction.mnemonic]!.toLowerCase();
  if (instruction.conditionCode !== library.ConditionCode.None) {
    if (name.startsWith('set')) return 'setcc';
    if (name.startsWith('cmov')) return 'cmovcc';
    if (name.startsWith('j')) return 'jcc';
  }
  const kind = instruction.opCount === 2 ? instruction.op0Kind : OpKind.Register;
  const isString = kind === OpKind.MemoryESRDI;
  return isString ? `${name} string` : name;
}

/** Sizes of immediates, where the instruction extends them to its own. */
function immediateWidth(library: Library, kind: number): number | undefined {
  const { OpKind } = library;
  switch (kind) {
    case OpKind.Immediate8:
    case OpKind.Immediate8_2nd:
      return 8;
    case OpKind.Immediate16:
    case OpKind.Immediate8to16:
      return 16;
    case OpKind.Immediate32:
    case OpKind.Immediate8to32:
      return 32;
    case OpKind.Immediate64:
    case OpKind.Immediate8to64:
    case OpKind.Immediate32to64:
      return 64;
    default:
      return undefined;
  }
}

/** The operands that instructions name; a text says which cannot be told. */
function explicitOperands(library: Library, instruction: Instruction): readonly Operand[] | string {
  const { OpKind, MemorySizeExt } = library;
  const operands: Operand[] = [];
  for (let i = 0; i < instruction.opCount; i++) {
    const kind = instruction.opKind(i);
    let operand: Operand | undefined;
    if (kind === OpKind.Register) operand = registerOperand(library, instruction.opRegister(i));
    else if (kind === OpKind.Memory)
      operand = memoryOperand(library, instruction, MemorySizeExt.size(instruction.memorySize));
    else {
      const width = immediateWidth(library, kind);
      operand =
        width === undefined
          ? undefined
          : { kind: 'immediate', value: BigInt.asUintN(width, instruction.immediate(i)), width };
    }
    if (operand === undefined) return `operand ${i + 1} is of a kind that has no meaning here`;
    operands.push(operand);
  }
  return operands;
}

let factory: import('iced-x86').InstructionInfoFactory | undefined;

/** What an instruction reads and writes, by the library's tables; undefined where they do not tell. */
function opaqueEffects(library: Library, instruction: Instruction): OpaqueEffects | undefined {
  const { InstructionInfoFactory, MemorySizeExt, OpAccess, RegisterExt } = library;
  factory ??= new InstructionInfoFactory();
  const info = factory.info(instruction);
  const reads: Operand[] = [];
  const writes: Operand[] = [];
  let isTold = true;
  const add = (operand: Operand | undefined, access: number): void => {
    if (access === OpAccess.None || access === OpAccess.NoMemAccess) return;
    if (operand === undefined || (operand.kind === 'memory' && operand.width === 0)) isTold = false;
    else {
      if (access !== OpAccess.Write) reads.push(operand);
      if (access !== OpAccess.Read && access !== OpAccess.CondRead) writes.push(operand);
    }
  };
  const { memoryBase, memoryIndex, opCount } = instruction;
  const named = (register: number): number | undefined => {
    for (let i = 0; i < opCount; i++)
      if (
        instruction.opKind(i) === library.OpKind.Register &&
        RegisterExt.fullRegister(instruction.opRegister(i)) === RegisterExt.fullRegister(register)
      )
        return instruction.opRegister(i);
    return undefined;
  };
  for (const used of info.usedRegisters() as import('iced-x86').UsedRegister[]) {
    const { register, access } = used;
    used.free();
    // A vector's whole register is said to be written where what is above the operand is cleared.
    const isWritten = access === OpAccess.Write && RegisterExt.isVectorRegister(register);
    const isSegment = !RegisterExt.isGPR(register) && RegisterExt.isSegmentRegister(register);
    if (isSegment) continue;
    add(registerOperand(library, (isWritten ? named(register) : undefined) ?? register), access);
  }
  for (const used of info.usedMemory() as import('iced-x86').UsedMemory[]) {
    const isNamed = used.base === memoryBase && used.index === memoryIndex;
    add(isNamed ? memoryOperand(library, instruction, MemorySizeExt.size(used.memorySize)) : undefined, used.access);
    used.free();
  }
  info.free();
  // Of what a mask leaves alone, memory keeps what it had, though the tables say that it is written.
  if (/maskmov/i.test(library.Mnemonic[instruction.mnemonic]!))
    for (const operand of writes) if (operand.kind === 'memory') reads.push(operand);
  const { OF, SF, ZF, AF, CF, PF } = library.RflagsBits;
  const isPartly = ![OF, SF, ZF, AF, CF, PF].every((flag) => (instruction.rflagsModified & flag) !== 0);
  if (!isTold) return undefined;
  return {
    reads,
    writes,
    // Flags that it leaves alone are among what the others may be afterwards.
    readsFlags: instruction.rflagsRead !== 0 || (isPartly && instruction.rflagsModified !== 0),
    writesFlags: instruction.rflagsModified !== 0,
    raises: arithmetic.test(library.Mnemonic[instruction.mnemonic]!.toLowerCase()),
  };
}

/**
 * Whether an instruction clears a mask register, whatever that held. Masks are no part of a state: nothing that has a
 * meaning here writes anything else to one.
 */
function clearsMask({ opCount, op0Register, op1Register, op2Register }: Instruction, name: string): boolean {
  return /^kxor[bwdq]$/.test(name) && opCount === 3 && op0Register === op1Register && op1Register === op2Register;
}

/** Names of instructions that may carry a prefix which repeats them. */
const isString = (name: string): boolean => name.endsWith(' string');

/** The operation of a decoded instruction, which is read and not kept. */
export function operationOf(instruction: Instruction): Operation | Refusal {
  const library = iced();
  const { Code, ConditionCode, EncodingKind, OpKind, Register } = library;
  if (instruction.code === Code.INVALID) return { refused: 'no instruction' };
  const name = nameOf(library, instruction);
  const refused = (why: string): Refusal => ({ refused: `${name}: ${why}` });
  const isBranch = instruction.opCount === 1 && instruction.op0Kind === OpKind.NearBranch64;
  const isEvex = instruction.encoding === EncodingKind.EVEX;
  const condition = instruction.conditionCode - ConditionCode.o;
  const common = {
    name: idle.has(name) || clearsMask(instruction, name) ? 'nop' : name,
    address: Number(instruction.ip),
    length: instruction.length,
    operands: [] as readonly Operand[],
    clearsUpper: instruction.encoding !== EncodingKind.Legacy,
    isRepeated: isString(name) && (instruction.hasRepPrefix || instruction.hasRepnePrefix),
    ...(instruction.conditionCode !== ConditionCode.None && { condition }),
    ...(isBranch && { target: Number(instruction.nearBranchTarget) }),
  };
  if (isEvex && instruction.opMask !== Register.None) return refused('masks of AVX-512 have no meaning here');
  if (isString(name) && instruction.segmentPrefix !== Register.None)
    return refused('a string in another segment has no meaning here');
  const { SegPtr16, SegPtr32, SegPtr64 } = library.MemorySize;
  const isFar = [SegPtr16, SegPtr32, SegPtr64].includes(instruction.memorySize);
  if (isFar && (name === 'jmp' || name === 'call')) return refused('to another segment it has no meaning here');
  if (common.name === 'nop' || isBranch || isString(name))
    return hasMeaning(common.name) ? common : refused('it has no meaning here');
  if (hasMeaning(name) && !isEvex) {
    const operands = explicitOperands(library, instruction);
    if (typeof operands === 'string') return refused(operands);
    if (operands.some((operand) => operand.kind === 'memory' && operand.width === 0) && name !== 'lea')
      return refused('how much memory it uses is not known');
    // A bit of memory may lie anywhere, when a register says which.
    if (/^bt[src]?$/.test(name) && operands[0]!.kind === 'memory' && operands[1]!.kind === 'register')
      return refused('a bit of memory by a register has no meaning here');
    return { ...common, operands };
  }
  if (!isAllowed(library, instruction, name) || isString(name)) return refused('it has no meaning here');
  const opaque = opaqueEffects(library, instruction);
  if (opaque === undefined) return refused('what it reads and writes is not known');
  return { ...common, opaque };
}
