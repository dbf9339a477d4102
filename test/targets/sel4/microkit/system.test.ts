import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { renderXml } from '../../../../base/xml.ts';
import {
  ipcBufferOf,
  type MicrokitMachine,
  mapLimitOf,
  microkitMachine,
} from '../../../../targets/sel4/microkit/machine.ts';
import {
  brokenSystemRules,
  checkSystem,
  type SystemRule,
  type Taken,
} from '../../../../targets/sel4/microkit/rules.ts';
import {
  type ChannelEnd,
  type Mapping,
  type MemoryRegion,
  type ProtectionDomain,
  renderSystem,
  type System,
} from '../../../../targets/sel4/microkit/system.ts';
import { errorOf } from '../../../pipeline/support.ts';
import { kernelOf } from '../../../support/sel4-kernel.ts';
import { readXml, type Xml } from '../../../support/xml.ts';

const riscv64 = microkitMachine(kernelOf('riscv64', { KERNEL_MCS: true }));
const x8664 = microkitMachine(kernelOf('x86-64', { KERNEL_MCS: true }));
const hypervisor = microkitMachine(kernelOf('aarch64', { KERNEL_MCS: true, ARM_HYPERVISOR_SUPPORT: true }));

const region = (changes: Partial<MemoryRegion> = {}): MemoryRegion => ({ name: 'heap', size: 0x4000, ...changes });
const mapping = (changes: Partial<Mapping> = {}): Mapping => ({
  ...{ region: 'heap', address: 0x40000000n, rights: 'rw' },
  ...changes,
});
const domain = (changes: Partial<ProtectionDomain> = {}): ProtectionDomain => ({
  ...{
    name: 'hello',
    priority: 100,
    stackSize: 0x4000,
    floatingPoint: true,
    image: 'hello.elf',
    mappings: [mapping()],
  },
  ...changes,
});
const system = (changes: Partial<System> = {}): System => ({
  ...{ comment: [], regions: [region()], domains: [domain()], channels: [] },
  ...changes,
});

const broken = (
  some: System,
  machine: MicrokitMachine = riscv64,
  taken?: ReadonlyMap<string, readonly Taken[]>,
): string[] => brokenSystemRules(some, machine, taken).map(({ rule, message }) => `${rule}: ${message}`);

const withRegion = (changes: Partial<MemoryRegion>): System => system({ regions: [region(changes)] });
const withMapping = (changes: Partial<Mapping>): System =>
  system({ domains: [domain({ mappings: [mapping(changes)] })] });
const withDomain = (changes: Partial<ProtectionDomain>): System => system({ domains: [domain(changes)] });
const guest = (changes: Partial<NonNullable<ProtectionDomain['machine']>> = {}): System =>
  withDomain({ machine: { name: 'guest', processors: [0], mappings: [mapping({ address: 0n })], ...changes } });
const pair = (...ends: Partial<ChannelEnd>[]): System =>
  system({
    domains: [domain(), domain({ name: 'server', priority: 101, mappings: [] })],
    channels: [ends.map((end, i) => ({ domain: i === 0 ? 'hello' : 'server', id: i, ...end }))],
  });

describe('a Microkit system', () => {
  it('breaks no rule when it breaks none', () => {
    expect(broken(system())).toEqual([]);
    expect(broken(system(), x8664)).toEqual([]);
    expect(broken(guest(), hypervisor)).toEqual([]);
    expect(broken(pair({}, {}))).toEqual([]);
    expect(broken(pair({ calls: true }, {}))).toEqual([]);
    for (const rights of ['r', 'rw', 'x', 'rx']) expect(broken(withMapping({ rights }))).toEqual([]);
  });

  it.each<[string, SystemRule, System, string]>([
    [
      'no domain',
      'domains',
      { comment: [], regions: [], domains: [], channels: [] },
      '0 protection domains; must be 1 to 63',
    ],
    ['an empty name', 'names', withDomain({ name: '' }), 'a protection domain has no name'],
    ['a name of 64 bytes', 'names', withDomain({ name: 'n'.repeat(64) }), 'has 64 bytes; must have less than 64'],
    ['a name with spaces', 'names', withDomain({ name: 'a b' }), '"a b": its name must be printable ASCII'],
    ["the monitor's name", 'names', withDomain({ name: 'monitor' }), "that name is the monitor's own"],
    [
      'two domains of a name',
      'names',
      system({ domains: [domain(), domain({ mappings: [] })] }),
      '"hello": its name is another\'s',
    ],
    [
      'two regions of a name',
      'names',
      system({ regions: [region(), region()] }),
      'memory region "heap": its name is another',
    ],
    ['a priority of 255', 'scheduling', withDomain({ priority: 255 }), 'priority 255; must be 0 to 254'],
    ['a negative priority', 'scheduling', withDomain({ priority: -1 }), 'priority -1; must be 0 to 254'],
    ['a budget above its period', 'scheduling', withDomain({ budget: 9, period: 8 }), 'budget 9, period 8'],
    ['a default budget above its period', 'scheduling', withDomain({ period: 999 }), 'budget 1000, period 999'],
    ['no stack', 'stack', withDomain({ stackSize: 0 }), 'stack of 0x0; must be a multiple of 0x1000'],
    ['a stack of half a page', 'stack', withDomain({ stackSize: 0x1800 }), 'stack of 0x1800'],
    ['a stack above 16 MiB', 'stack', withDomain({ stackSize: 0x1001000 }), 'at most 0x1000000'],
    [
      'a region of no size',
      'regions',
      withRegion({ size: 0 }),
      'size 0x0; must be a multiple of its page size, 0x1000, and not 0',
    ],
    ['half a page', 'regions', withRegion({ size: 0x1800 }), 'size 0x1800; must be a multiple'],
    [
      'a large page that is not full',
      'regions',
      withRegion({ pageSize: 0x200000 }),
      'size 0x4000; must be a multiple of its page size, 0x200000',
    ],
    ['another page size', 'regions', withRegion({ pageSize: 0x2000 }), 'page size 0x2000; must be 0x1000 or 0x200000'],
    [
      'a region that nobody maps',
      'regions',
      system({ regions: [region(), region({ name: 'spare' })] }),
      '"spare": nobody maps it',
    ],
    [
      'a physical address within a page',
      'physical-memory',
      withRegion({ physicalAddress: 0x10000800n }),
      'physical address 0x10000800; must be a multiple of 0x1000',
    ],
    ['an empty file', 'prefill', withRegion({ prefill: { path: 'a.bin', size: 0 } }), '"a.bin" is empty'],
    [
      'a file that is too long',
      'prefill',
      withRegion({ prefill: { path: 'a.bin', size: 0x4001 } }),
      'has 16385 bytes; the region has 16384',
    ],
    [
      'a file that leaves a page out',
      'prefill',
      withRegion({ prefill: { path: 'a.bin', size: 0x3000 } }),
      "would begin after the file's end",
    ],
    [
      'two fillings',
      'prefill',
      withRegion({ prefill: { path: 'a.bin', size: 0x4000 }, bootInfo: 'fdt' }),
      'and from boot information',
    ],
    [
      'a map of no region',
      'mappings',
      withDomain({ mappings: [mapping(), mapping({ region: 'hip', address: 0x50000000n })] }),
      'map of "hip" in protection domain "hello": there is no memory region',
    ],
    [
      'an address within a page',
      'mappings',
      withMapping({ address: 0x40000010n }),
      'address 0x40000010; must be a multiple of 0x1000',
    ],
    ['a map without rights', 'rights', withMapping({ rights: '' }), 'rights ""; must be of r, w and x'],
    [
      'a map that is only written',
      'rights',
      withMapping({ rights: 'w' }),
      'rights "w"; no kernel maps memory that is only written',
    ],
    [
      'a map that is written and executed',
      'rights',
      withMapping({ rights: 'rwx' }),
      'rights "rwx"; no memory may be written and executed',
    ],
    ['a right twice', 'rights', withMapping({ rights: 'rr' }), 'rights "rr"; must be of r, w and x, each once'],
    ['an unknown right', 'rights', withMapping({ rights: 'rs' }), 'rights "rs"; must be'],
    [
      'one symbol for two',
      'symbols',
      withMapping({ addressSymbol: 'heap_start', sizeSymbol: 'heap_start' }),
      'sets the symbol "heap_start" twice',
    ],
    ['a channel of one end', 'channels', pair({}), 'a channel has 1 ends ("hello"); must have 2'],
    ['a channel of three', 'channels', pair({}, {}, { id: 7 }), 'a channel has 3 ends'],
    ['a channel to nobody', 'channels', pair({}, { domain: 'nobody' }), 'there is no protection domain "nobody"'],
    ['an identifier above 61', 'channels', pair({}, { id: 62 }), 'identifier 62; must be 0 to 61'],
    ['a negative identifier', 'channels', pair({ id: -1 }, {}), 'identifier -1; must be 0 to 61'],
    [
      'an end with the identifier of an interrupt',
      'channels',
      {
        ...pair({ id: 3 }, {}),
        domains: [domain({ interrupts: [{ irq: 8, id: 3 }] }), domain({ name: 'server', mappings: [] })],
      },
      'identifier 3: is another',
    ],
    [
      'one interrupt for two',
      'interrupts',
      withDomain({
        interrupts: [
          { irq: 8, id: 0 },
          { irq: 8, id: 1 },
        ],
      }),
      'interrupt 8: is given to two',
    ],
    [
      'ports of another machine',
      'ports',
      withDomain({ ports: [{ id: 0, port: 0x3f8, size: 8 }] }),
      'ports from 0x3f8; riscv64 has none',
    ],
    ['a virtual machine without a hypervisor', 'virtual-machines', guest(), 'riscv64 was not built as a hypervisor'],
  ])('is refused with %s', (_, rule, some, words) => {
    const messages = broken(some).filter((message) => message.startsWith(`${rule}: `));
    expect(
      messages.some((message) => message.includes(words)),
      broken(some).join('\n'),
    ).toBe(true);
    expect([...new Set(brokenSystemRules(some, riscv64).map((each) => each.rule))]).toEqual([rule]);
  });

  it('may use the first and the last of everything that is counted', () => {
    for (const priority of [0, 254]) {
      expect(broken(withDomain({ priority }))).toEqual([]);
      expect(broken(guest({ priority }), hypervisor)).toEqual([]);
    }
    for (const id of [0, 61]) {
      expect(broken(withDomain({ interrupts: [{ irq: 8, id }] }))).toEqual([]);
      expect(broken(guest({ processors: [id] }), hypervisor)).toEqual([]);
    }
    for (const stackSize of [0x1000, 0x1000000]) expect(broken(withDomain({ stackSize }))).toEqual([]);
    expect(broken(withDomain({ name: 'n'.repeat(63) }))).toEqual([]);
    expect(broken(withDomain({ ports: [{ id: 61, port: 0xfff8, size: 8 }] }), x8664)).toEqual([]);
    expect(broken(withDomain({ budget: 8, period: 8 }))).toEqual([]);
    const many = Array.from({ length: 63 }, (_, i) => domain({ name: `pd${i}`, mappings: i === 0 ? [mapping()] : [] }));
    expect(broken(system({ domains: many }))).toEqual([]);
    expect(broken(system({ domains: [...many, domain({ name: 'last', mappings: [] })] })).join()).toContain(
      '64 protection domains',
    );
  });

  it('is refused when a symbol gets the physical address of what has none', () => {
    const set = (wanted: string): System => withDomain({ physicalSymbols: [{ symbol: 'where', region: wanted }] });
    expect(broken(set('heap'))).toEqual([]);
    expect(broken(set('heep'))).toEqual([
      'symbols: protection domain "hello": symbol "where": there is no memory region "heep"',
    ]);
    expect(broken(set('heap'), x8664).join()).toContain(
      '"heap" has no physical address, and on x86-64 the tool gives it none',
    );
    const placed = { ...set('heap'), regions: [region({ physicalAddress: 0x80000000n })] };
    expect(broken(placed, x8664)).toEqual([]);
    const twice = withDomain({
      physicalSymbols: [{ symbol: 'a', region: 'heap' }],
      mappings: [mapping({ addressSymbol: 'a' })],
    });
    expect(broken(twice)).toEqual(['symbols: protection domain "hello": sets the symbol "a" twice']);
  });

  it('is refused with calls that the scheduler cannot keep', () => {
    expect(broken(pair({ calls: true }, { calls: true })).join()).toContain('both ends call; one may');
    expect(broken(pair({}, { calls: true }))).toEqual([
      'channels: channel of "hello" and "server": "server" of priority 101 calls "hello" of 100; who is called must be higher',
    ]);
  });

  it('is refused when mappings overlap one another, the program or the stack', () => {
    const two = (address: bigint): System => withDomain({ mappings: [mapping(), mapping({ address })] });
    expect(broken(two(0x40004000n))).toEqual([]);
    expect(broken(two(0x40003000n))).toEqual([
      'mappings: map of "heap" in protection domain "hello": 0x40003000 to 0x40007000, and the map of "heap" is 0x40000000 to 0x40004000; they must not overlap',
    ]);
    const program = new Map([
      ['hello', [{ what: 'program header 1 of the program', from: 0x40003000n, to: 0x40009000n }]],
    ]);
    expect(broken(system(), riscv64, program).join()).toContain('and program header 1 of the program is 0x40003000');
    for (const machine of [riscv64, x8664, hypervisor]) {
      const limit = mapLimitOf(machine, 0x4000);
      expect(limit).toBe(machine.userTop - 0x2000n - 0x4000n);
      expect(ipcBufferOf(machine)).toBe(machine.userTop - 0x1000n);
      expect(broken(withMapping({ address: limit - 0x4000n }), machine)).toEqual([]);
      expect(broken(withMapping({ address: limit - 0x3000n }), machine).join()).toContain(
        `must end at 0x${limit.toString(16)}`,
      );
    }
  });

  it('is refused when regions overlap in physical memory', () => {
    const at = (second: bigint): System =>
      system({
        regions: [region({ physicalAddress: 0x10000000n }), region({ name: 'uart', physicalAddress: second })],
        domains: [domain({ mappings: [mapping(), mapping({ region: 'uart', address: 0x50000000n })] })],
      });
    expect(broken(at(0x10004000n))).toEqual([]);
    expect(broken(at(0x10003000n)).join()).toContain(
      '"uart" (0x10003000 to 0x10007000) and "heap" (0x10000000 to 0x10004000) overlap',
    );
  });

  it.each<[string, System, MicrokitMachine, string]>([
    ['no processor', guest({ processors: [] }), hypervisor, '0 processors; must be 1 to 62'],
    ['a processor twice', guest({ processors: [3, 3] }), hypervisor, 'processor 3 occurs twice'],
    ['a processor beyond the last', guest({ processors: [62] }), hypervisor, 'processor 62; identifiers are 0 to 61'],
    ['a negative priority', guest({ priority: -1 }), hypervisor, 'priority -1; must be 0 to 254'],
    ['a priority beyond the last', guest({ priority: 255 }), hypervisor, 'priority 255; must be 0 to 254'],
    [
      'two processors on x86-64',
      guest({ processors: [0, 1] }),
      { ...x8664, isHypervisor: true },
      '2 processors; must be 1 to 1',
    ],
    [
      'a map beyond its memory',
      guest({ mappings: [mapping({ address: 1n << 40n })] }),
      hypervisor,
      'must end at 0x10000000000',
    ],
    [
      'memory that is written and executed',
      guest({ mappings: [mapping({ address: 0n, rights: 'rwx' })] }),
      hypervisor,
      'map of "heap" in virtual machine "guest": rights "rwx"',
    ],
    [
      'a symbol that no program has',
      guest({ mappings: [mapping({ address: 0n, sizeSymbol: 's' })] }),
      hypervisor,
      'a guest has no program image',
    ],
  ])('is refused with a guest that has %s', (_, some, machine, words) => {
    expect(broken(some, machine)).toHaveLength(1);
    expect(broken(some, machine)[0]).toContain(words);
  });

  it('is refused where the kernel has no floating point, and with x86-64 ports that overlap', () => {
    expect(broken(system(), { ...riscv64, hasFpu: false }).join()).toContain("but the kernel's HAVE_FPU is false");
    expect(broken(withDomain({ floatingPoint: false }), { ...riscv64, hasFpu: false })).toEqual([]);
    const ports = (...some: [id: number, port: number, size: number][]): string =>
      broken(withDomain({ ports: some.map(([id, port, size]) => ({ id, port, size })) }), x8664).join();
    expect(ports([0, 0x3f8, 8], [1, 0x400, 8])).toBe('');
    expect(ports([0, 0x3f8, 8], [1, 0x3ff, 8])).toContain(
      'ports from 0x3ff, 8 of them, and 8 from 0x3f8 of "hello" overlap',
    );
    expect(ports([0, 0x3f8, 8], [0, 0x400, 8])).toContain("identifier 0 is another's too");
    expect(ports([0, 0xffff, 2])).toContain('end at 0x10000 at the latest');
    expect(ports([0, 0x3f8, 0])).toContain('0 of them; must be 1 or more');
    const irq = broken(withDomain({ interrupts: [{ irq: 8, id: 0 }] }), x8664).join();
    expect(irq).toContain('on x86-64 they come by I/O APIC or MSI');
  });

  it('is refused with the first rule and how many more', () => {
    const check = (some: System): string => errorOf(() => checkSystem(some, riscv64)).message;
    expect(check(withDomain({ priority: 255 }))).toBe(
      'the system: protection domain "hello": priority 255; must be 0 to 254',
    );
    expect(check(withDomain({ priority: 255, stackSize: 0 }))).toMatch(/must be 0 to 254 \(and 1 more\)$/);
    expect(() => checkSystem(system(), riscv64)).not.toThrow();
  });

  it('needs a kernel with MCS', () => {
    const { code, message } = errorOf(() => microkitMachine(kernelOf('riscv64')));
    expect([code, message]).toEqual(['kernel', expect.stringContaining('KERNEL_MCS is false in gen_config.json')]);
    expect(hypervisor).toMatchObject({ isHypervisor: true, userTop: 1n << 40n });
    expect(x8664.isHypervisor).toBe(false);
  });
});

describe('the system file', () => {
  const full = system({
    comment: ['a -- b', 'made by casemate-'],
    regions: [
      region({ pageSize: 0x200000, size: 0x400000, physicalAddress: 0x80000000n }),
      region({ name: 'text', prefill: { path: 'a&b".bin', size: 0x4000 } }),
      region({ name: 'tree', bootInfo: 'fdt' }),
    ],
    domains: [
      domain({
        ...{ budget: 10, period: 20, passive: true, floatingPoint: false, comment: ['<one>'] },
        mappings: [mapping({ cached: false, addressSymbol: 'a', sizeSymbol: 'b' })],
        interrupts: [{ irq: 8, id: 1, trigger: 'edge' }],
        physicalSymbols: [{ symbol: 'where', region: 'heap' }],
        ports: [{ id: 2, port: 0x3f8, size: 8, addressSymbol: 'port' }],
        machine: { name: 'g', processors: [0, 1], mappings: [mapping({ address: 0n, rights: 'x' })], priority: 7 },
      }),
    ],
    channels: [
      [
        { domain: 'hello', id: 0 },
        { domain: 'server', id: 3, calls: true, notifies: false },
      ],
    ],
  });
  const attributesOf = ({ name, attributes, children }: Xml): unknown => [
    name,
    Object.fromEntries(attributes),
    ...children.map(attributesOf),
  ];

  it('says all of a system, read back', () => {
    expect(attributesOf(readXml(renderSystem(full)))).toEqual([
      'system',
      {},
      ['memory_region', { name: 'heap', size: '0x400000', page_size: '0x200000', phys_addr: '0x80000000' }],
      ['memory_region', { name: 'text', size: '0x4000', prefill_path: 'a&b".bin' }],
      ['memory_region', { name: 'tree', size: '0x4000', prefill_bootinfo: 'fdt' }],
      [
        'protection_domain',
        {
          name: 'hello',
          priority: '100',
          budget: '10',
          period: '20',
          passive: 'true',
          stack_size: '0x4000',
          fpu: 'false',
        },
        ['program_image', { path: 'hello.elf' }],
        ['map', { mr: 'heap', vaddr: '0x40000000', perms: 'rw', cached: 'false', setvar_vaddr: 'a', setvar_size: 'b' }],
        ['setvar', { symbol: 'where', region_paddr: 'heap' }],
        ['irq', { irq: '8', id: '1', trigger: 'edge' }],
        ['ioport', { id: '2', addr: '0x3f8', size: '8', setvar_addr: 'port' }],
        [
          'virtual_machine',
          { name: 'g', priority: '7' },
          ['vcpu', { id: '0' }],
          ['vcpu', { id: '1' }],
          ['map', { mr: 'heap', vaddr: '0x0', perms: 'x' }],
        ],
      ],
      [
        'channel',
        {},
        ['end', { pd: 'hello', id: '0' }],
        ['end', { pd: 'server', id: '3', pp: 'true', notify: 'false' }],
      ],
    ]);
    expect(renderSystem(full)).toBe(renderSystem(full));
  });

  it('brings every value through XML, or refuses it', () => {
    const text = fc.string({ unit: 'binary', maxLength: 12 });
    fc.assert(
      fc.property(text, fc.array(text, { maxLength: 2 }), (value, comment) => {
        let written: string;
        try {
          written = renderXml({ name: 'a', attributes: { value }, comment });
        } catch (error) {
          expect((error as Error).message).toContain('a character that XML has no way to write');
          return;
        }
        expect(readXml(written).attributes.get('value')).toBe(value);
      }),
      { seed: 5, numRuns: 250 },
    );
    for (const value of ['\0', '\u001b', '\ud800', '\ufffe', 'a\udc00b'])
      expect(errorOf(() => renderXml({ name: 'a', attributes: { value } })).code).toBe('layout');
    for (const name of ['', 'a b', '1a', 'a"']) expect(errorOf(() => renderXml({ name })).code).toBe('layout');
  });
});
