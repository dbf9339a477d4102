import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CasemateError } from '../../../base/errors.ts';
import { labelOf, parseInvocations, parseKernel } from '../../../targets/sel4/kernel.ts';
import { flagOf, parseGenConfig } from '../../../targets/sel4/kernel-config.ts';
import { readKernel } from '../../../targets/sel4/kernel-files.ts';
import { errorOf, project } from '../../pipeline/support.ts';
import {
  configOf,
  headerOf,
  kernelElf,
  kernelFiles,
  kernelOf,
  labelled,
  labelNamesOf,
  machines,
} from '../../support/sel4-kernel.ts';

const messageOf = (work: () => unknown): string => {
  const { code, message } = errorOf(work);
  expect(['kernel', 'malformed-elf', 'limit', 'io']).toContain(code);
  return message;
};
const invocations = (text: string): { name: string; text: string } => ({ name: 'invocations_all.json', text });
const config = (text: string): { name: string; text: string } => ({ name: 'gen_config.json', text });

/** The kernel in an ELF32 container for i386, as multiboot's loaders want it. */
function container(): Buffer {
  const bytes = Buffer.alloc(52 + 32 + 64);
  bytes.write('\x7fELF', 0, 'latin1');
  bytes.set([1, 1, 1], 4);
  bytes.writeUInt16LE(2, 16);
  bytes.writeUInt16LE(3, 18);
  bytes.writeUInt32LE(0x100000, 24);
  bytes.writeUInt32LE(52, 28);
  bytes.writeUInt16LE(32, 42);
  bytes.writeUInt16LE(1, 44);
  [1, 84, 0x100000, 0x100000, 64, 128, 7].forEach((word, i) => {
    bytes.writeUInt32LE(word, 52 + 4 * i);
  });
  return bytes;
}

describe('the files of a seL4 kernel', () => {
  it.each(machines)('are read together, for %s', (machine) => {
    const files = kernelFiles(machine);
    const kernel = parseKernel(files);
    expect(kernel).toMatchObject({
      machine,
      isMcs: false,
      isDebug: true,
      hasPrinting: true,
      hasFpu: true,
      cnodeBits: 12,
    });
    expect(kernel.sha256).toBe(createHash('sha256').update(files.elf).digest('hex'));
    expect(labelOf(kernel, 'UntypedRetype')).toBe(1);
  });

  it.each(machines)('say the same with gen_config.h as with gen_config.json, for %s', (machine) => {
    const changes = { ROOT_CNODE_SIZE_BITS: '19', HAVE_FPU: false, PRINTING: false };
    const text = headerOf(configOf(machine, changes));
    const fromHeader = parseKernel(kernelFiles(machine, changes, { genConfig: { name: 'gen_config.h', text } }));
    const { config: own, configFile, ...rest } = kernelOf(machine, changes);
    expect(fromHeader).toMatchObject(rest);
    expect(fromHeader).toMatchObject({ hasFpu: false, hasPrinting: false, cnodeBits: 19 });
    expect([...fromHeader.config.keys()]).toEqual([...own.keys()]);
    expect(configFile).toBe('gen_config.json');
  });

  it('take an x86-64 kernel in an i386 container, and no other machine in one', () => {
    expect(parseKernel(kernelFiles('x86-64', {}, { elf: container() })).machine).toBe('x86-64');
    const ia32 = configOf('x86-64', { SEL4_ARCH: 'ia32', WORD_SIZE: '32' });
    const files = kernelFiles('x86-64', {}, { elf: container(), genConfig: config(JSON.stringify(ia32)) });
    expect(messageOf(() => parseKernel(files))).toBe(
      'kernel.elf is x86-64 in an i386 container (x86_64), but gen_config.json: SEL4_ARCH is ia32',
    );
    const arm = container();
    arm.writeUInt16LE(183, 18);
    expect(messageOf(() => parseKernel(kernelFiles('aarch64', {}, { elf: arm })))).toContain('only 64-bit kernels');
  });

  it.each([
    ['x86-64', {}, 0x7ffffffff000n],
    ['riscv64', {}, 0x3ffffff000n],
    ['aarch64', {}, 0x800000000000n],
    ['aarch64', { ARM_HYPERVISOR_SUPPORT: true }, 0x10000000000n],
    [
      'aarch64',
      { ARM_HYPERVISOR_SUPPORT: true, ARM_PA_SIZE_BITS_40: false, ARM_PA_SIZE_BITS_44: true },
      0x100000000000n,
    ],
  ] as const)('say where user space ends: %s %o', (machine, changes, top) => {
    expect(kernelOf(machine, changes).userTop).toBe(top);
  });

  it('do not guess where user space ends', () => {
    const changes = { ARM_HYPERVISOR_SUPPORT: true, ARM_PA_SIZE_BITS_40: false };
    expect(messageOf(() => kernelOf('aarch64', changes))).toContain('neither ARM_PA_SIZE_BITS_40 nor');
  });

  it.each([
    ['is not ELF', Buffer.from('#!/bin/sh\nexec something\n'), 'not an ELF file (25 bytes)'],
    ['is empty', Buffer.alloc(0), 'not an ELF file (0 bytes)'],
    ['is big-endian', Buffer.from(kernelElf('riscv64')).fill(2, 5, 6), 'ELF class 2, data 2'],
    ['is of another machine', Buffer.from(kernelElf('riscv64')).fill(40, 18, 19), 'e_machine is 40; must be x86-64'],
    ['is an object', Buffer.from(kernelElf('riscv64')).fill(1, 16, 17), 'e_type is 1, not ET_EXEC (2)'],
    ['was cut short', kernelElf('riscv64').subarray(0, 4100), 'riscv64'],
    ['loads nothing', Buffer.from(kernelElf('riscv64')).fill(4, 64, 65), 'has no PT_LOAD'],
  ])('are refused when kernel.elf %s', (_, elf, words) => {
    expect(messageOf(() => parseKernel(kernelFiles('riscv64', {}, { elf })))).toContain(
      words === 'riscv64' ? 'kernel.elf' : words,
    );
  });

  it('are refused at every length that a cut leaves of kernel.elf', () => {
    const whole = kernelElf('riscv64');
    for (let size = 0; size < whole.length; size += 7) {
      expect(() => parseKernel(kernelFiles('riscv64', {}, { elf: whole.subarray(0, size) }))).toThrow(CasemateError);
    }
    const small = container();
    for (let size = 0; size < small.length; size++) {
      expect(() => parseKernel(kernelFiles('x86-64', {}, { elf: small.subarray(0, size) }))).toThrow(CasemateError);
    }
  });

  it.each(machines.flatMap((a) => machines.filter((b) => b !== a).map((b) => [a, b] as const)))(
    'are refused when the kernel is %s and gen_config or the labels %s',
    (machine, other) => {
      const foreign = kernelFiles(other);
      const says = messageOf(() => parseKernel(kernelFiles(machine, {}, { genConfig: foreign.genConfig })));
      expect(says).toContain(`is ${machine} `);
      expect(says).toContain(`SEL4_ARCH is ${configOf(other)['SEL4_ARCH']}`);
      const names = messageOf(() => parseKernel(kernelFiles(machine, {}, { invocations: foreign.invocations })));
      expect(names).toMatch(/is an invocation of|they are of two builds/);
    },
  );

  it.each([
    ['KERNEL_MCS', 'riscv64', true, 'SchedControlConfigureFlags'],
    ['KERNEL_MCS', 'aarch64', false, 'SchedControlConfigureFlags'],
    ['IOMMU', 'x86-64', true, 'X86IOPageTableMap'],
    ['VTX', 'x86-64', false, 'X86VCPUSetTCB'],
    ['ARM_HYPERVISOR_SUPPORT', 'aarch64', true, 'ARMVCPUSetTCB'],
    ['HARDWARE_DEBUG_API', 'x86-64', true, 'TCBSetBreakpoint'],
  ] as const)('are refused when %s of the two builds differs (%s, %s in gen_config)', (key, machine, on, label) => {
    const files = kernelFiles(machine, { [key]: on });
    const other = kernelFiles(machine, { [key]: !on });
    const message = messageOf(() => parseKernel({ ...files, invocations: other.invocations }));
    expect(message).toContain(`gen_config.json: ${key} is ${on}, but invocations_all.json`);
    expect(message).toContain(label);
    expect(message).toContain('two builds');
  });

  it('are refused when kernel.elf has the other scheduler, both ways', () => {
    const plain = kernelFiles('riscv64', {}, { elf: kernelElf('riscv64', ['schedule', 'refill_new']) });
    expect(messageOf(() => parseKernel(plain))).toBe(
      'gen_config.json: KERNEL_MCS is false, but kernel.elf has the function refill_new: they are of two builds',
    );
    const mcs = kernelFiles('riscv64', { KERNEL_MCS: true }, { elf: kernelElf('riscv64') });
    expect(messageOf(() => parseKernel(mcs))).toContain('KERNEL_MCS is true, but kernel.elf has no function of');
    const stripped = kernelFiles('riscv64', { KERNEL_MCS: true }, { elf: kernelElf('riscv64', []) });
    expect(parseKernel(stripped).isMcs).toBe(true);
  });

  it.each([
    ...labelNamesOf('x86-64', configOf('x86-64')).filter((name) =>
      /^X86PageMap$|^CNodeDelete$|^X86IOPortOut8$/.test(name),
    ),
  ])('are refused without the label %s, which is named', (name) => {
    const names = labelNamesOf('x86-64', configOf('x86-64')).filter((other) => other !== name);
    const files = kernelFiles('x86-64', {}, { invocations: invocations(JSON.stringify(labelled(names))) });
    expect(messageOf(() => parseKernel(files))).toContain(`${names.length} labels, but not ${name}; give the`);
  });

  it.each([
    [
      'a label given twice',
      '{"UntypedRetype": 1, "CNodeCopy": 1}',
      "CNodeCopy: its label is 1, which is UntypedRetype's",
    ],
    ['a name given twice', '{"UntypedRetype": 1, "UntypedRetype": 2}', 'the key "UntypedRetype" occurs twice'],
    ['a gap', '{"UntypedRetype": 1, "CNodeCopy": 3}', 'its label is 3; labels are 1 to 2'],
    ['label 0', '{"UntypedRetype": 0}', 'its label is 0; labels are 1 to 1'],
    ['a fraction', '{"UntypedRetype": 1.5}', 'its label is 1.5'],
    ['text for a label', '{"UntypedRetype": "1"}', 'its label is "1"'],
    ['a name that is none', '{"__proto__ x": 1}', 'no name of an invocation'],
    ['no label', '{}', 'no invocation in it'],
    ['a list', '[1, 2]', 'must be one object'],
    ['half a file', '{"UntypedRetype": 1, "CNo', 'invocations_all.json:1:'],
    ['too much of it', `{"a": ${' '.repeat(1 << 20)}1}`, 'at most 1048576'],
  ])('refuse in invocations_all.json: %s', (_, text, words) => {
    expect(messageOf(() => parseInvocations(invocations(text)))).toContain(words);
  });

  it.each([
    ['a list in a value', '{"A": []}', 'gen_config.json:1: A must be true, false or text'],
    ['a key twice', '{"A": true, "A": false}', 'occurs twice'],
    ['nothing', '{}', 'no configuration key in it'],
    ['no configuration at all', 'int main(void) { return 0; }', 'no configuration key in it'],
    ['a line that is cut', '#define CONFIG_A  1\n#define CONFIG_B', 'gen_config.json:2: cannot be read'],
    ['a line twice', '#define CONFIG_A  1\n/* disabled: CONFIG_A */', 'gen_config.json:2: CONFIG_A occurs twice'],
    ['a key that is none', '{"a b": true}', 'a b is no configuration key'],
  ])('refuse in gen_config: %s', (_, text, words) => {
    expect(messageOf(() => parseGenConfig(config(text)))).toContain(words);
  });

  it.each([
    ['HAVE_FPU', undefined, 'no key HAVE_FPU in it, and its absence decides nothing'],
    ['HAVE_FPU', 'maybe', 'HAVE_FPU is "maybe"; must be true or false'],
    ['KERNEL_MCS', undefined, 'no key KERNEL_MCS'],
    ['ROOT_CNODE_SIZE_BITS', '27', 'ROOT_CNODE_SIZE_BITS is "27"; must be a number from 7 to 26'],
    ['ROOT_CNODE_SIZE_BITS', true, 'ROOT_CNODE_SIZE_BITS is true; must be a number'],
    ['WORD_SIZE', '32', 'WORD_SIZE is 32, but riscv64 has 64'],
    ['SEL4_ARCH', undefined, 'no key SEL4_ARCH'],
  ] as const)('refuse %s as %s', (key, value, words) => {
    const changes = { [key]: value };
    const good = kernelFiles('riscv64');
    const genConfig = config(JSON.stringify(configOf('riscv64', changes)));
    expect(messageOf(() => parseKernel({ ...good, genConfig }))).toContain(words);
  });

  it('read 1 in C as true, and nothing else that is text', () => {
    const read = parseGenConfig({ name: 'gen_config.h', text: '#define CONFIG_A  1\n#define CONFIG_B  2\n' });
    expect(flagOf(read, 'A', 'gen_config.h')).toBe(true);
    expect(messageOf(() => flagOf(read, 'B', 'gen_config.h'))).toContain('B is "2"');
  });

  it('end in an error of ours, whatever the bytes of a file are', () => {
    const good = kernelFiles('x86-64');
    const tried = (files: typeof good): void => {
      try {
        parseKernel(files);
      } catch (error) {
        expect(error).toBeInstanceOf(CasemateError);
      }
    };
    fc.assert(
      fc.property(fc.nat(), fc.uint8Array({ minLength: 1, maxLength: 8 }), fc.nat(2), (at, bytes, which) => {
        if (which === 0) {
          const elf = Buffer.from(good.elf);
          elf.set(bytes.subarray(0, Math.min(bytes.length, elf.length - (at % elf.length))), at % elf.length);
          tried({ ...good, elf });
        } else {
          const file = which === 1 ? good.genConfig : good.invocations;
          const place = at % file.text.length;
          const text = file.text.slice(0, place) + Buffer.from(bytes).toString('latin1') + file.text.slice(place + 1);
          tried({ ...good, [which === 1 ? 'genConfig' : 'invocations']: { ...file, text } });
        }
      }),
      { seed: 8, numRuns: 400 },
    );
  });

  it('are found where a build, an installation and a Microkit SDK put them', () => {
    const { elf, genConfig, invocations: labels } = kernelFiles('riscv64');
    for (const [kernel, place, other] of [
      ['kernel.elf', 'gen_config/kernel/gen_config.json', 'generated/invocations_all.json'],
      ['bin/kernel.elf', 'libsel4/include/kernel/gen_config.json', 'bin/invocations_all.json'],
      ['elf/sel4.elf', 'include/kernel/gen_config.json', 'invocations_all.json'],
    ] as const) {
      const folder = project({ [kernel]: elf, [place]: genConfig.text, [other]: labels.text });
      expect(readKernel(`${folder}/${kernel}`).configFile).toBe(`${folder}/${place}`);
    }
  });

  it('are taken from where they are named, and missed by name', () => {
    const { elf, genConfig, invocations: labels } = kernelFiles('riscv64');
    const folder = project({ 'kernel.elf': elf, 'mine.json': genConfig.text, 'labels.json': labels.text });
    const paths = { genConfig: `${folder}/mine.json`, invocations: `${folder}/labels.json` };
    expect(readKernel(`${folder}/kernel.elf`, paths).labelsFile).toBe(paths.invocations);
    expect(messageOf(() => readKernel(`${folder}/kernel.elf`))).toMatch(
      /no gen_config.json found .*name it with --gen-config$/,
    );
    const { invocations: _, ...without } = paths;
    expect(messageOf(() => readKernel(`${folder}/kernel.elf`, without))).toContain('name it with --invocations');
    expect(messageOf(() => readKernel(`${folder}/none.elf`))).toContain('no such file');
  });

  it('give a label only when the kernel has it', () => {
    expect(messageOf(() => labelOf(kernelOf('riscv64'), 'X86PageMap'))).toContain(
      'invocations_all.json: no label X86PageMap',
    );
  });
});
