import { describe, expect, it } from 'vitest';
import { type GuestRequest, guestSystem, plainName } from '../../../../targets/sel4/microkit/guest.ts';
import { microkitMachine } from '../../../../targets/sel4/microkit/machine.ts';
import { brokenSystemRules } from '../../../../targets/sel4/microkit/rules.ts';
import { renderSystem } from '../../../../targets/sel4/microkit/system.ts';
import { errorOf } from '../../../pipeline/support.ts';
import { type BuiltImage, type BuiltSegment, buildImage, PF, PT } from '../../../support/elf-image.ts';
import { kernelOf } from '../../../support/sel4-kernel.ts';
import { readXml } from '../../../support/xml.ts';

const machine = microkitMachine(kernelOf('aarch64', { KERNEL_MCS: true, ARM_HYPERVISOR_SUPPORT: true }));
const fill = (value: number, size: number): Buffer => Buffer.alloc(size, value);

const segments = (): BuiltSegment[] => [
  { flags: PF.X, address: 0x100000, bytes: fill(1, 0x1800) },
  { flags: PF.R, address: 0x102000, bytes: fill(2, 0x1000) },
  { flags: PF.R | PF.W, address: 0x110000, bytes: fill(3, 0x800), memorySize: 0x2800 },
];
const changed = (i: number, change: Partial<BuiltSegment>): BuiltSegment[] =>
  segments().map((segment, at) => (at === i ? { ...segment, ...change } : segment));

const request = (built: Partial<BuiltImage> = {}, changes: Partial<GuestRequest> = {}): GuestRequest => ({
  image: buildImage({ machine: 183, segments: segments(), ...built }),
  name: 'build/hello.hvt',
  memory: 0x400000,
  machine,
  monitor: { path: 'vmm.elf', priority: 100, stackSize: 0x4000, base: 0x40000000n, baseSymbol: 'guest_memory' },
  ...changes,
});

describe('a guest of a monitor', () => {
  const { system, files } = guestSystem(request());
  const [domain] = system.domains;

  it('has a region for each segment, with its own rights, and writable memory without code around them', () => {
    expect(domain.machine?.mappings.map(({ region, address, rights }) => [region, Number(address), rights])).toEqual([
      ['hello_memory0', 0, 'rw'],
      ['hello_segment0', 0x100000, 'x'],
      ['hello_segment1', 0x102000, 'r'],
      ['hello_memory3', 0x103000, 'rw'],
      ['hello_segment2', 0x110000, 'rw'],
      ['hello_memory5', 0x113000, 'rw'],
    ]);
    expect(brokenSystemRules(system, machine)).toEqual([]);
  });

  it('covers its memory from 0 to the end, nothing twice', () => {
    let at = 0n;
    for (const { region, address } of domain.machine!.mappings) {
      expect(address).toBe(at);
      at += BigInt(system.regions.find(({ name }) => name === region)!.size);
    }
    expect(at).toBe(0x400000n);
  });

  it("is filled with the segments' bytes, .bss zero, to the last byte of each region", () => {
    expect(files.map(({ name }) => name)).toEqual(['hello.segment0.bin', 'hello.segment1.bin', 'hello.segment2.bin']);
    expect(Buffer.from(files[0].bytes)).toEqual(Buffer.concat([fill(1, 0x1800), fill(0, 0x800)]));
    expect(Buffer.from(files[2].bytes)).toEqual(Buffer.concat([fill(3, 0x800), fill(0, 0x2800)]));
    for (const { size, prefill } of system.regions) if (prefill) expect(prefill.size).toBe(size);
  });

  it('cannot be changed by its monitor where it cannot change itself', () => {
    expect(domain.mappings.map(({ address, rights }) => [Number(address - 0x40000000n), rights])).toEqual([
      [0, 'rw'],
      [0x100000, 'r'],
      [0x102000, 'r'],
      [0x103000, 'rw'],
      [0x110000, 'rw'],
      [0x113000, 'rw'],
    ]);
    expect(domain.mappings.map(({ addressSymbol }) => addressSymbol)).toEqual([
      'guest_memory',
      ...Array(5).fill(undefined),
    ]);
  });

  it('is written with nothing that is writable and executable anywhere', () => {
    const rights: (string | undefined)[] = [];
    const visit = ({ name, attributes, children }: ReturnType<typeof readXml>): void => {
      if (name === 'map') rights.push(attributes.get('perms'));
      children.forEach(visit);
    };
    visit(readXml(renderSystem(system)));
    expect(rights).toHaveLength(12);
    for (const each of rights) expect(each).toMatch(/^(r|rw|x|rx)$/);
    expect(renderSystem(guestSystem(request()).system)).toBe(renderSystem(system));
  });

  it('lies where its physical addresses say', () => {
    const moved = segments().map((segment) => ({ ...segment, loadAddress: BigInt(segment.address) + 0x40000n }));
    const other = guestSystem(request({ segments: moved })).system.domains[0].machine!;
    expect(
      other.mappings.filter(({ region }) => region.includes('segment')).map(({ address }) => Number(address)),
    ).toEqual([0x140000, 0x142000, 0x150000]);
  });

  it.each<[string, Partial<BuiltImage>, Partial<GuestRequest>, string, string]>([
    ['is of another machine', { machine: 62 }, {}, 'image', 'made for machine 62; the kernel'],
    [
      'has an interpreter',
      { segments: [...segments(), { type: PT.INTERP, flags: 4, address: 0 }] },
      {},
      'image',
      'asks for a program interpreter',
    ],
    ['has nothing to load', { segments: [] }, {}, 'image', 'has no PT_LOAD'],
    [
      'is writable and executable',
      { segments: changed(2, { flags: 7 }) },
      {},
      'image',
      'PT_LOAD 2: is writable and executable',
    ],
    ['has a segment without rights', { segments: changed(1, { flags: 0 }) }, {}, 'image', 'its rights ("")'],
    [
      'has a segment within a page',
      { segments: changed(1, { address: 0x102010 }) },
      {},
      'image',
      'begins at 0x102010; rights are per page',
    ],
    [
      'shares a page',
      { segments: changed(1, { address: 0x101000 }) },
      {},
      'image',
      'segment1 begins at 0x101000, but segment0 ends at 0x102000',
    ],
    [
      'has more in the file than in memory',
      { segments: changed(1, { memorySize: 0xff0 }) },
      {},
      'image',
      '4096 bytes in the file, 4080 in memory',
    ],
    [
      'is larger than its memory',
      {},
      { memory: 0x112000 },
      'image',
      "ends at 0x113000, but the guest's memory at 0x112000",
    ],
    [
      'asks for half a page of memory',
      {},
      { memory: 0x112800 },
      'usage',
      '--memory: 1124352 bytes; must be whole pages',
    ],
    ['asks for more memory than there is', {}, { memory: 2 ** 40 }, 'usage', 'at most 17179869184'],
    [
      'has no hypervisor',
      {},
      { machine: { ...machine, isHypervisor: false } },
      'kernel',
      'was not built as a hypervisor',
    ],
  ])('is refused when it %s', (_, built, changes, code, words) => {
    const error = errorOf(() => guestSystem(request(built, changes)));
    expect(error.message).toContain(words);
    expect(error.code).toBe(code);
  });

  it('gets names that files and XML take as they are', () => {
    expect(['a/b/hello.hvt', 'my image.elf', '..', 'monitor', '\u202e"<&>', 'x'.repeat(99)].map(plainName)).toEqual([
      'hello',
      'my_image',
      '_',
      'guest_monitor',
      '_',
      'x'.repeat(40),
    ]);
  });
});
