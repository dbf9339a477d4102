/**
 * A small RISC-V machine: one hart in supervisor mode, memory, and firmware's few services.
 *
 * QEMU has every paging mode and a good device tree; what the start-up stub does on a machine that refuses modes, or with
 * a tree that nobody would send, is seen here. RV64I without compressed instructions, M and Zicsr as far as the stub
 * uses them; what it does not know is an illegal instruction. Translation checks what hardware does, and is stricter
 * where hardware may differ: accessed and dirty must be set.
 * Source: The RISC-V Instruction Set Manual, volume I, chapters 2, 5, 7, 9; volume II, chapter 4.
 */

const PAGE = 4096n;
const mask64 = (1n << 64n) - 1n;

export const causes = {
  fetchAccess: 1n,
  illegal: 2n,
  loadMisaligned: 4n,
  loadAccess: 5n,
  storeMisaligned: 6n,
  storeAccess: 7n,
  fetchPage: 12n,
  loadPage: 13n,
  storePage: 15n,
} as const;

type Access = 'fetch' | 'load' | 'store';

const pageFault = { fetch: causes.fetchPage, load: causes.loadPage, store: causes.storePage };
const accessFault = { fetch: causes.fetchAccess, load: causes.loadAccess, store: causes.storeAccess };

class Trap extends Error {
  constructor(
    readonly code: bigint,
    readonly value: bigint,
  ) {
    super(`trap ${code} at ${value.toString(16)}`);
  }
}

export interface MachineOptions {
  /** Where memory is, and how much. */
  readonly base: number;
  readonly size: number;
  /** Numbers of the modes that satp takes, beside bare. */
  readonly modes: readonly bigint[];
  /** What the time counter reads, each time. */
  readonly time?: () => bigint;
  /** Whether firmware has the debug console; else the old one alone. */
  readonly debugConsole?: boolean;
  /** Without the extension to reset: the old call must do. */
  readonly withoutReset?: boolean;
  /** What firmware left in sstatus. */
  readonly sstatus?: bigint;
}

export interface Ending {
  /** entered: about to fetch from `stop`; off: firmware was asked; limit: too many instructions. */
  readonly reason: 'entered' | 'off' | 'limit';
  readonly instructions: number;
  readonly console: string;
}

const csrNames: Record<number, string> = {
  256: 'sstatus',
  260: 'sie',
  261: 'stvec',
  320: 'sscratch',
  321: 'sepc',
  322: 'scause',
  323: 'stval',
  384: 'satp',
};

export class Rv64 {
  readonly memory: Uint8Array;
  readonly view: DataView;
  readonly x = new BigInt64Array(32);
  readonly csr: Record<string, bigint>;
  /** Causes of traps and where they happened, in order. */
  readonly traps: { readonly cause: bigint; readonly pc: bigint }[] = [];
  /** Values that were written to satp and taken. */
  readonly spaces: bigint[] = [];
  pc = 0n;
  console = '';
  #off = false;

  constructor(readonly options: MachineOptions) {
    this.memory = new Uint8Array(options.size);
    this.view = new DataView(this.memory.buffer);
    this.csr = Object.fromEntries(Object.values(csrNames).map((name) => [name, 0n]));
    this.csr['sstatus'] = options.sstatus ?? 0n;
  }

  /** Index in memory of `size` bytes at a physical address; undefined when not all of them are there. */
  #index(address: bigint, size: number): number | undefined {
    const at = address - BigInt(this.options.base);
    return at >= 0n && at + BigInt(size) <= BigInt(this.options.size) ? Number(at) : undefined;
  }

  /** Memory at a physical address. */
  at(address: bigint | number, size: number): Uint8Array {
    const index = this.#index(BigInt(address), size);
    if (index === undefined) throw new Error(`no memory at ${address.toString(16)}`);
    return this.memory.subarray(index, index + size);
  }

  word(address: bigint): bigint {
    return this.view.getBigUint64(this.#index(address, 8)!, true);
  }

  get levels(): number {
    const mode = this.csr['satp']! >> 60n;
    return mode === 0n ? 0 : Number(mode) - 5;
  }

  /** The physical address behind a virtual one. Throws a trap. */
  translate(virtual: bigint, access: Access): bigint {
    const { levels } = this;
    if (levels === 0) return virtual;
    const bits = 12 + 9 * levels;
    if (BigInt.asUintN(64, BigInt.asIntN(bits, virtual)) !== virtual) throw new Trap(pageFault[access], virtual);
    let table = (this.csr['satp']! & ((1n << 44n) - 1n)) * PAGE;
    for (let level = levels - 1; level >= 0; level--) {
      const shift = BigInt(12 + 9 * level);
      const index = this.#index(table + 8n * ((virtual >> shift) & 511n), 8);
      if (index === undefined) throw new Trap(accessFault[access], virtual);
      const entry = this.view.getBigUint64(index, true);
      const has = (bit: number): boolean => ((entry >> BigInt(bit)) & 1n) === 1n;
      const next = ((entry >> 10n) & ((1n << 44n) - 1n)) * PAGE;
      if (!has(0) || (!has(1) && has(2)) || entry >> 54n !== 0n) throw new Trap(pageFault[access], virtual);
      if (!has(1) && !has(2) && !has(3)) {
        table = next;
        continue;
      }
      const size = 1n << shift;
      const allowed = access === 'fetch' ? has(3) : access === 'load' ? has(1) : has(2) && has(7);
      if (!allowed || has(4) || !has(6) || next % size !== 0n) throw new Trap(pageFault[access], virtual);
      return next + (virtual & (size - 1n));
    }
    throw new Trap(pageFault[access], virtual);
  }

  #place(virtual: bigint, size: number, access: Access): number {
    if (virtual % BigInt(size) !== 0n)
      throw new Trap(access === 'load' ? causes.loadMisaligned : causes.storeMisaligned, virtual);
    const index = this.#index(this.translate(virtual, access), size);
    if (index === undefined) throw new Trap(accessFault[access], virtual);
    return index;
  }

  #load(kind: number, virtual: bigint): bigint {
    const at = this.#place(virtual, 1 << (kind & 3), 'load');
    switch (kind) {
      case 0:
        return BigInt(this.view.getInt8(at));
      case 1:
        return BigInt(this.view.getInt16(at, true));
      case 2:
        return BigInt(this.view.getInt32(at, true));
      case 3:
        return this.view.getBigInt64(at, true);
      case 4:
        return BigInt(this.view.getUint8(at));
      case 5:
        return BigInt(this.view.getUint16(at, true));
      case 6:
        return BigInt(this.view.getUint32(at, true));
      default:
        throw new Trap(causes.illegal, 0n);
    }
  }

  #store(kind: number, virtual: bigint, value: bigint): void {
    const at = this.#place(virtual, 1 << kind, 'store');
    if (kind === 0) this.view.setUint8(at, Number(value & 0xffn));
    else if (kind === 1) this.view.setUint16(at, Number(value & 0xffffn), true);
    else if (kind === 2) this.view.setUint32(at, Number(value & 0xffffffffn), true);
    else this.view.setBigInt64(at, value, true);
  }

  #trap(trap: Trap): void {
    this.traps.push({ cause: trap.code, pc: this.pc });
    this.csr['sepc'] = this.pc;
    this.csr['scause'] = trap.code;
    this.csr['stval'] = trap.value;
    this.pc = this.csr['stvec']! & ~3n;
  }

  #readCsr(number: number): bigint {
    if (number === 0xc01) return (this.options.time ?? (() => 0n))();
    const name = csrNames[number];
    if (name === undefined) throw new Trap(causes.illegal, 0n);
    return this.csr[name]!;
  }

  #writeCsr(number: number, value: bigint): void {
    const name = csrNames[number];
    if (name === undefined) throw new Trap(causes.illegal, 0n);
    if (name === 'satp') {
      const mode = value >> 60n;
      // A mode that is not there: the whole write has no effect.
      if (mode !== 0n && !this.options.modes.includes(mode)) return;
      this.spaces.push(value);
    }
    this.csr[name] = value;
  }

  #ecall(): void {
    const [a0, a6, a7] = [this.x[10]!, this.x[16]!, this.x[17]!];
    const put = (value: bigint): void => {
      this.console += String.fromCharCode(Number(value & 0xffn));
    };
    // Firmware changes a0 and a1 and nothing else.
    this.x[11] = 0x5555n;
    this.x[10] = -2n;
    if (a7 === 1n) {
      put(a0);
      this.x[10] = 0n;
    } else if (a7 === 8n) this.#off = true;
    else if (a7 === 0x53525354n && a6 === 0n) this.#off = this.options.withoutReset !== true;
    else if (a7 === 0x4442434en && a6 === 2n && this.options.debugConsole === true) {
      put(a0);
      this.x[10] = 0n;
    }
  }

  #operation(funct3: number, funct7: number, a: bigint, b: bigint, word: boolean): bigint {
    const shift = b & (word ? 31n : 63n);
    const [ua, ub] = [BigInt.asUintN(64, a), BigInt.asUintN(64, b)];
    if (funct7 === 1) {
      if (funct3 === 0) return a * b;
      if (funct3 === 3) return (ua * ub) >> 64n;
      if (funct3 === 5) return ub === 0n ? -1n : ua / ub;
      if (funct3 === 7) return ub === 0n ? a : ua % ub;
      throw new Trap(causes.illegal, 0n);
    }
    switch (funct3) {
      case 0:
        return funct7 === 0x20 ? a - b : a + b;
      case 1:
        return a << shift;
      case 2:
        return a < b ? 1n : 0n;
      case 3:
        return ua < ub ? 1n : 0n;
      case 4:
        return a ^ b;
      case 5:
        if (funct7 === 0x20) return (word ? BigInt.asIntN(32, a) : a) >> shift;
        return (word ? BigInt.asUintN(32, a) : ua) >> shift;
      case 6:
        return a | b;
      default:
        return a & b;
    }
  }

  #step(): void {
    if (this.pc % 4n !== 0n) throw new Trap(causes.fetchAccess, this.pc);
    const index = this.#index(this.translate(this.pc, 'fetch'), 4);
    if (index === undefined) throw new Trap(causes.fetchAccess, this.pc);
    const word = this.view.getInt32(index, true);
    const [rd, rs1, rs2] = [(word >> 7) & 31, (word >> 15) & 31, (word >> 20) & 31];
    const funct3 = (word >> 12) & 7;
    const funct7 = word >>> 25;
    const [a, b] = [this.x[rs1]!, this.x[rs2]!];
    const immediate = BigInt(word >> 20);
    let next = this.pc + 4n;
    let result: bigint | undefined;
    switch (word & 0x7f) {
      case 0x37:
        result = BigInt(word & ~0xfff);
        break;
      case 0x17:
        result = this.pc + BigInt(word & ~0xfff);
        break;
      case 0x6f: {
        const offset =
          ((word >> 31) << 20) | (word & 0xff000) | (((word >> 20) & 1) << 11) | (((word >> 21) & 0x3ff) << 1);
        result = next;
        next = this.pc + BigInt(offset);
        break;
      }
      case 0x67:
        result = next;
        next = BigInt.asUintN(64, a + immediate) & ~1n;
        break;
      case 0x63: {
        const offset =
          ((word >> 31) << 12) | (((word >> 7) & 1) << 11) | (((word >> 25) & 63) << 5) | (((word >> 8) & 15) << 1);
        const [ua, ub] = [BigInt.asUintN(64, a), BigInt.asUintN(64, b)];
        const less = funct3 >= 6 ? ua < ub : a < b;
        const holds = funct3 < 2 ? a === b : less;
        if (funct3 === 2 || funct3 === 3) throw new Trap(causes.illegal, 0n);
        if (holds !== ((funct3 & 1) === 1)) next = this.pc + BigInt(offset);
        break;
      }
      case 0x03:
        result = this.#load(funct3, BigInt.asUintN(64, a + immediate));
        break;
      case 0x23: {
        const offset = BigInt(((word >> 25) << 5) | rd);
        if (funct3 > 3) throw new Trap(causes.illegal, 0n);
        this.#store(funct3, BigInt.asUintN(64, a + offset), b);
        break;
      }
      case 0x13:
        result = this.#operation(funct3, funct3 === 5 ? funct7 & 0x20 : 0, a, immediate, false);
        break;
      case 0x1b:
        result = this.#operation(funct3, funct3 === 5 ? funct7 & 0x20 : 0, a, immediate, true);
        result = BigInt.asIntN(32, result);
        break;
      case 0x33:
        result = this.#operation(funct3, funct7, a, b, false);
        break;
      case 0x3b:
        result = BigInt.asIntN(32, this.#operation(funct3, funct7, a, b, true));
        break;
      case 0x0f:
        break;
      case 0x73:
        if (word === 0x73) this.#ecall();
        else if (funct3 >= 1 && funct3 <= 3) {
          const number = word >>> 20;
          const old = this.#readCsr(number);
          if (funct3 === 1 || rs1 !== 0) {
            const bits = BigInt.asUintN(64, a);
            this.#writeCsr(number, funct3 === 1 ? bits : funct3 === 2 ? old | bits : old & ~bits & mask64);
          }
          result = old;
        } else if (funct7 !== 9 && word !== 0x10500073) throw new Trap(causes.illegal, 0n);
        break;
      default:
        throw new Trap(causes.illegal, BigInt(word));
    }
    if (result !== undefined && rd !== 0) this.x[rd] = BigInt.asIntN(64, result);
    this.pc = BigInt.asUintN(64, next);
  }

  /** Runs until the next fetch is from [stop, stop + 4) in physical memory, firmware is asked to turn off, or `limit`. */
  run(stop: bigint, limit: number): Ending {
    let instructions = 0;
    const ending = (reason: Ending['reason']): Ending => ({ reason, instructions, console: this.console });
    while (instructions < limit) {
      try {
        if (this.translate(this.pc, 'fetch') === stop) return ending('entered');
        instructions++;
        this.#step();
      } catch (error) {
        if (!(error instanceof Trap)) throw error;
        this.#trap(error);
        instructions++;
      }
      if (this.#off) return ending('off');
    }
    return ending('limit');
  }

  /** Every page that the tables map: virtual and physical address, bytes, and bits of its entry. */
  leaves(): { readonly virtual: bigint; readonly physical: bigint; readonly bytes: bigint; readonly bits: bigint }[] {
    const found: { virtual: bigint; physical: bigint; bytes: bigint; bits: bigint }[] = [];
    const bits = 12 + 9 * this.levels;
    const walk = (table: bigint, level: number, prefix: bigint): void => {
      for (let i = 0n; i < 512n; i++) {
        const entry = this.word(table + 8n * i);
        if ((entry & 1n) === 0n) continue;
        const shift = BigInt(12 + 9 * level);
        const virtual = prefix | (i << shift);
        const next = ((entry >> 10n) & ((1n << 44n) - 1n)) * PAGE;
        if ((entry & 0xen) === 0n) walk(next, level - 1, virtual);
        else
          found.push({
            virtual: BigInt.asUintN(64, BigInt.asIntN(bits, virtual)),
            physical: next,
            bytes: 1n << shift,
            bits: entry & 0x3ffn,
          });
      }
    };
    walk((this.csr['satp']! & ((1n << 44n) - 1n)) * PAGE, this.levels - 1, 0n);
    return found;
  }
}
