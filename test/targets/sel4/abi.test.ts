/**
 * The numbers of the ABI: against figures that booted kernels answered to, and, where real kernels are at hand, against
 * what those kernels' own debug information says.
 */
import { basename, dirname } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  bootInfoOf,
  cConstants,
  cDefinitions,
  objectBitsOf,
  objectTypesOf,
  syscallsOf,
} from '../../../targets/sel4/abi.ts';
import type { Kernel } from '../../../targets/sel4/kernel.ts';
import { readKernel } from '../../../targets/sel4/kernel-files.ts';
import { run } from '../../support/run.ts';
import { kernelOf, machines, realKernels } from '../../support/sel4-kernel.ts';

describe('the numbers of the ABI', () => {
  it('shift with the scheduler', () => {
    const [plain, mcs] = [kernelOf('riscv64'), kernelOf('riscv64', { KERNEL_MCS: true })];
    expect(syscallsOf(plain)).toMatchObject({ Call: -1, Recv: -5, Yield: -7, DebugPutChar: -9, DebugHalt: -11 });
    expect(syscallsOf(mcs)).toMatchObject({ Call: -1, Recv: -7, Yield: -11, DebugPutChar: -12, DebugHalt: -14 });
    expect(bootInfoOf(plain)).toMatchObject({ IPC_BUFFER: 32, EMPTY: 40, IMAGE_FRAMES: 72, EXTRA_PAGES: 120 });
    expect(bootInfoOf(plain)).toMatchObject({ CNODE_BITS: 136, UNTYPED: 152, UNTYPED_LIST: 168 });
    expect(bootInfoOf(mcs)).toMatchObject({ CNODE_BITS: 136, SCHED_CONTROL: 152, UNTYPED: 168, UNTYPED_LIST: 184 });
    expect(objectTypesOf(plain)).toMatchObject({ CNODE: 4, '1G': 5, '4K': 6, '2M': 7, PAGE_TABLE: 8, VSPACE: 8 });
    expect(objectTypesOf(mcs)).toMatchObject({ SCHED_CONTEXT: 5, REPLY: 6, '4K': 8 });
    expect(objectBitsOf(mcs)['NOTIFICATION']).toBe(objectBitsOf(plain)['NOTIFICATION'] + 1);
  });

  it('shift with what else a kernel was built for', () => {
    const object = (kernel: Kernel): number => objectTypesOf(kernel)['4K'];
    expect(object(kernelOf('x86-64'))).toBe(8);
    expect(object(kernelOf('x86-64', { HUGE_PAGE: false }))).toBe(7);
    expect(object(kernelOf('riscv64', { PT_LEVELS: '4' }))).toBe(7);
    expect(object(kernelOf('aarch64'))).toBe(7);
    expect(objectBitsOf(kernelOf('riscv64', { HAVE_FPU: false }))['TCB']).toBe(10);
    expect(objectBitsOf(kernelOf('x86-64', { XSAVE_SIZE: '832' }))['TCB']).toBe(12);
    expect(objectBitsOf(kernelOf('aarch64', { ARM_HYPERVISOR_SUPPORT: true }))['VSPACE']).toBe(13);
  });

  it.each(machines)('reach C under one name on every machine: %s', (machine) => {
    const constants = cConstants(kernelOf(machine));
    for (const name of [
      ...['SYS_CALL', 'SYS_RECV', 'SYS_YIELD', 'SYS_PUTCHAR', 'SYS_HALT', 'HAS_PUTCHAR', 'IS_MCS', 'HAS_FPU'],
      ...[
        'LABEL_PAGE_MAP',
        'LABEL_PAGE_UNMAP',
        'LABEL_PAGE_GET_ADDRESS',
        'LABEL_PAGE_TABLE_MAP',
        'LABEL_UNTYPED_RETYPE',
      ],
      ...['LABEL_CNODE_DELETE', 'LABEL_CNODE_COPY', 'LABEL_CNODE_MINT', 'LABEL_TCB_SET_SPACE', 'LABEL_TCB_CONFIGURE'],
      ...['LABEL_TCB_WRITE_REGISTERS', 'LABEL_TCB_RESUME', 'LABEL_ASID_POOL_ASSIGN', 'LABEL_IRQ_ISSUE'],
      ...[
        'LABEL_IRQ_SET',
        'LABEL_IRQ_ACK',
        'OBJECT_4K',
        'OBJECT_2M',
        'OBJECT_PAGE_TABLE',
        'OBJECT_VSPACE',
        'OBJECT_TCB',
      ],
      ...['OBJECT_ENDPOINT', 'OBJECT_NOTIFICATION', 'OBJECT_CNODE', 'BOOTINFO_UNTYPED', 'EXECUTE_NEVER'],
      ...['DEFAULT_ATTRIBUTES', 'CNODE_BITS', 'USER_TOP', 'TCB_BITS', 'VSPACE_BITS'],
    ]) {
      expect(constants.has(`SEL4_${name}`), name).toBe(true);
    }
    const own = ['LABEL_PAGE_DIRECTORY_MAP', 'LABEL_PDPT_MAP', 'LABEL_IO_PORT_CONTROL_ISSUE', 'LABEL_IO_PORT_OUT8'];
    for (const name of own) expect(constants.has(`SEL4_${name}`)).toBe(machine === 'x86-64');
    expect([...constants.values()].every((value) => Number.isInteger(Number(value)))).toBe(true);
  });

  it('reach C as options that are the same every time', () => {
    const kernel = kernelOf('riscv64', { PRINTING: false, DEBUG_BUILD: false });
    expect(cDefinitions(kernel)).toEqual(cDefinitions(kernelOf('riscv64', { PRINTING: false, DEBUG_BUILD: false })));
    expect(cDefinitions(kernel)).toContain('-DSEL4_HAS_PUTCHAR=0');
    expect(cDefinitions(kernel)).toContain('-DSEL4_USER_TOP=0x3ffffff000');
    for (const option of cDefinitions(kernel)) expect(option).toMatch(/^-DSEL4_[A-Z0-9_]+=(-?\d+|0x[0-9a-f]+)$/);
  });
});

/** Names and numbers of one kind of entry in a kernel's debug information, as readelf shows it. */
function debugNumbers(text: string, entry: RegExp, value: RegExp): Map<string, number> {
  const found = new Map<string, number>();
  for (const part of text.split(/\n(?= *<\d+><)/)) {
    if (!entry.test(part)) continue;
    const name = /DW_AT_name\s*:(?: \([^)]*\):)? (\S+)/.exec(part)?.[1];
    const number = value.exec(part)?.[1];
    if (name !== undefined && number !== undefined) found.set(name, Number(number));
  }
  return found;
}

const objectNames: Readonly<Record<string, readonly string[]>> = {
  TCB: ['seL4_TCBObject'],
  CNODE: ['seL4_CapTableObject'],
  REPLY: ['seL4_ReplyObject'],
  '4K': ['seL4_X86_4K', 'seL4_RISCV_4K_Page', 'seL4_ARM_SmallPageObject'],
  '2M': ['seL4_X86_LargePageObject', 'seL4_RISCV_Mega_Page', 'seL4_ARM_LargePageObject'],
  '1G': ['seL4_X64_HugePageObject', 'seL4_RISCV_Giga_Page', 'seL4_ARM_HugePageObject'],
  PAGE_TABLE: ['seL4_X86_PageTableObject', 'seL4_RISCV_PageTableObject', 'seL4_ARM_PageTableObject'],
  VSPACE: ['seL4_X64_PML4Object', 'seL4_RISCV_PageTableObject', 'seL4_ARM_VSpaceObject'],
};
const bootInfoNames: Readonly<Record<string, string>> = {
  EXTRA_LEN: 'extraLen',
  IPC_BUFFER: 'ipcBuffer',
  IMAGE_FRAMES: 'userImageFrames',
  EXTRA_PAGES: 'extraBIPages',
  SCHED_CONTROL: 'schedcontrol',
  UNTYPED_LIST: 'untypedList',
};

const real = realKernels();

describe.skipIf(real.length === 0)('real kernels (CASEMATE_SEL4_KERNELS)', () => {
  it.each(real.map((path) => [basename(dirname(path)), path]))(
    '%s is read, and agrees with itself',
    async (_, path) => {
      const kernel = readKernel(path);
      const constants = cConstants(kernel);
      expect(constants.get('SEL4_LABEL_PAGE_MAP')).toBeGreaterThan(30);
      const { stdout } = await run('readelf', ['--debug-dump=info', path]);
      const enumerators = debugNumbers(stdout, /DW_TAG_enumerator/, /DW_AT_const_value\s*:\s*(-?\d+)/);
      // A kernel without debug information has been read, which is all that it allows.
      if (enumerators.size === 0) return;
      for (const [name, label] of kernel.labels) expect([name, enumerators.get(name)]).toEqual([name, label]);
      const calls = syscallsOf(kernel);
      const seen = Object.keys(calls).filter((name) => enumerators.has(`Sys${name}`));
      expect(seen.length).toBeGreaterThanOrEqual(8);
      for (const name of seen) expect([name, enumerators.get(`Sys${name}`)]).toEqual([name, calls[name]]);
      for (const [name, number] of Object.entries(objectTypesOf(kernel))) {
        const theirs = (objectNames[name] ?? [])
          .map((other) => enumerators.get(other))
          .find((other) => other !== undefined);
        if (objectNames[name] !== undefined) expect([name, theirs]).toEqual([name, number]);
      }
      const members = debugNumbers(stdout, /DW_TAG_member/, /DW_AT_data_member_location:\s*(\d+)/);
      for (const [name, offset] of Object.entries(bootInfoOf(kernel))) {
        if (bootInfoNames[name] !== undefined) expect([name, members.get(bootInfoNames[name])]).toEqual([name, offset]);
      }
    },
  );
});
