/**
 * Instructions that undo protections, found in RISC-V code.
 *
 * Instructions begin at even addresses, so a scan in steps of two bytes is exact. What undoes execute-only text or the
 * page tables is a write to a control register: satp names the tables, MXR in sstatus makes executable pages readable.
 *
 * Source: RISC-V privileged architecture 1.12; unprivileged chapter "Zicsr": csrrs and csrrc write unless rs1 is x0.
 */

export interface CsrWrite {
  readonly offset: number;
  /** Name of the control register. */
  readonly register: string;
}

const SYSTEM = 0x73;

const named = new Map<number, string>([
  [0x100, 'sstatus'],
  [0x10a, 'senvcfg'],
  [0x180, 'satp'],
  [0x200, 'vsstatus'],
  [0x280, 'vsatp'],
  [0x300, 'mstatus'],
  [0x600, 'hstatus'],
  [0x680, 'hgatp'],
  [0x747, 'mseccfg'],
]);

function registerName(csr: number): string | undefined {
  if (csr >= 0x3a0 && csr <= 0x3ef) return csr < 0x3b0 ? `pmpcfg${csr - 0x3a0}` : `pmpaddr${csr - 0x3b0}`;
  return named.get(csr);
}

/** Every write to such a register in `bytes`; `odd` is 1 when `bytes` lie at an odd address. */
export function findCsrWrites(bytes: Uint8Array, odd = 0): CsrWrite[] {
  const found: CsrWrite[] = [];
  for (let at = odd; at + 4 <= bytes.length; at += 2) {
    if ((bytes[at]! & 0x7f) !== SYSTEM) continue;
    const word = (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)) >>> 0;
    const operation = (word >> 12) & 7;
    const source = (word >> 15) & 31;
    const writes = operation === 1 || operation === 5 || ((operation & 3) > 1 && source !== 0);
    const register = writes ? registerName(word >>> 20) : undefined;
    if (register !== undefined) found.push({ offset: at, register });
  }
  return found;
}
