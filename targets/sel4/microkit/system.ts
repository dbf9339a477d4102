/**
 * A Microkit system as data, and as the `.system` file that Microkit's tool reads.
 *
 * A system is protection domains (each a program with an address space of its own), the memory regions that are mapped
 * into them, and the channels between them. What is here is what we generate: domains of the scheduler, I/O address
 * spaces and shared capabilities are not. Whether a system breaks a rule of the tool is judged in rules.ts; this file
 * only writes.
 * Source: Microkit 2.3.0-dev, docs/manual.md ("System Description File") and tool/microkit/src/sdf.rs.
 */
import { renderXml, type XmlElement } from '../../../base/xml.ts';

export interface MemoryRegion {
  readonly name: string;
  /** Bytes. */
  readonly size: number;
  /** Default: what the tool finds best. */
  readonly pageSize?: number;
  /** Of a device's registers, or memory that must be at one place. */
  readonly physicalAddress?: bigint;
  /** A file that the region begins with, relative to where the tool looks, and the file's size. */
  readonly prefill?: { readonly path: string; readonly size: number };
  /** What boot information the region is filled with. */
  readonly bootInfo?: 'fdt' | 'x86_tsc_freq';
}

/** Rights as the tool writes them: of r, w and x, each once, in this order. */
export type Rights = string;

export interface Mapping {
  readonly region: string;
  readonly address: bigint;
  readonly rights: Rights;
  /** Default: cached. */
  readonly cached?: boolean;
  /** Symbols of the program that get the address, and the region's size. */
  readonly addressSymbol?: string;
  readonly sizeSymbol?: string;
}

export interface VirtualMachine {
  readonly name: string;
  /** Identifiers of its processors. */
  readonly processors: readonly number[];
  readonly mappings: readonly Mapping[];
  readonly priority?: number;
}

/** A symbol of the program that gets the physical address of a region. */
export interface PhysicalSymbol {
  readonly symbol: string;
  readonly region: string;
}

/** An interrupt of a RISC-V or AArch64 machine. */
export interface Interrupt {
  readonly irq: number;
  readonly id: number;
  readonly trigger?: 'level' | 'edge';
}

/** x86-64's port space. */
export interface PortRange {
  readonly id: number;
  readonly port: number;
  readonly size: number;
  readonly addressSymbol?: string;
}

export interface ProtectionDomain {
  readonly name: string;
  readonly priority: number;
  /** Microseconds. */
  readonly budget?: number;
  readonly period?: number;
  readonly passive?: boolean;
  /** Bytes. */
  readonly stackSize: number;
  /** Whether its threads may use floating point. */
  readonly floatingPoint: boolean;
  /** Path of the ELF file, relative to where the tool looks. */
  readonly image: string;
  readonly mappings: readonly Mapping[];
  readonly physicalSymbols?: readonly PhysicalSymbol[];
  readonly interrupts?: readonly Interrupt[];
  readonly ports?: readonly PortRange[];
  readonly machine?: VirtualMachine;
  readonly comment?: readonly string[];
}

export interface ChannelEnd {
  readonly domain: string;
  readonly id: number;
  /** Whether it may call the other end's protected procedure; default: no. */
  readonly calls?: boolean;
  /** Whether it may notify the other end; default: yes. */
  readonly notifies?: boolean;
}

export interface System {
  readonly comment: readonly string[];
  readonly regions: readonly MemoryRegion[];
  readonly domains: readonly ProtectionDomain[];
  readonly channels: readonly (readonly ChannelEnd[])[];
}

const hexadecimal = (value: number | bigint): string => `0x${value.toString(16)}`;
const yesOrNo = (value: boolean | undefined): string | undefined => (value === undefined ? undefined : String(value));

function mapElement({ region, address, rights, cached, addressSymbol, sizeSymbol }: Mapping): XmlElement {
  return {
    name: 'map',
    attributes: {
      mr: region,
      vaddr: hexadecimal(address),
      perms: rights,
      cached: yesOrNo(cached),
      setvar_vaddr: addressSymbol,
      setvar_size: sizeSymbol,
    },
  };
}

function regionElement({ name, size, pageSize, physicalAddress, prefill, bootInfo }: MemoryRegion): XmlElement {
  return {
    name: 'memory_region',
    attributes: {
      name,
      size: hexadecimal(size),
      page_size: pageSize === undefined ? undefined : hexadecimal(pageSize),
      phys_addr: physicalAddress === undefined ? undefined : hexadecimal(physicalAddress),
      prefill_path: prefill?.path,
      prefill_bootinfo: bootInfo,
    },
  };
}

function machineElement({ name, processors, mappings, priority }: VirtualMachine): XmlElement {
  return {
    name: 'virtual_machine',
    attributes: { name, priority: priority?.toString() },
    children: [
      ...processors.map((id): XmlElement => ({ name: 'vcpu', attributes: { id: String(id) } })),
      ...mappings.map(mapElement),
    ],
  };
}

function domainElement(domain: ProtectionDomain): XmlElement {
  const { interrupts = [], physicalSymbols = [], ports = [], machine, budget, period, passive } = domain;
  return {
    name: 'protection_domain',
    comment: domain.comment ?? [],
    attributes: {
      name: domain.name,
      priority: String(domain.priority),
      budget: budget?.toString(),
      period: period?.toString(),
      passive: yesOrNo(passive),
      stack_size: hexadecimal(domain.stackSize),
      // The tool lets every domain use floating point, unless it is told otherwise.
      fpu: domain.floatingPoint ? undefined : 'false',
    },
    children: [
      { name: 'program_image', attributes: { path: domain.image } },
      ...domain.mappings.map(mapElement),
      ...physicalSymbols.map(
        ({ symbol, region }): XmlElement => ({ name: 'setvar', attributes: { symbol, region_paddr: region } }),
      ),
      ...interrupts.map(
        ({ irq, id, trigger }): XmlElement => ({
          name: 'irq',
          attributes: { irq: String(irq), id: String(id), trigger },
        }),
      ),
      ...ports.map(
        ({ id, port, size, addressSymbol }): XmlElement => ({
          name: 'ioport',
          attributes: { id: String(id), addr: hexadecimal(port), size: String(size), setvar_addr: addressSymbol },
        }),
      ),
      ...(machine === undefined ? [] : [machineElement(machine)]),
    ],
  };
}

function channelElement(ends: readonly ChannelEnd[]): XmlElement {
  return {
    name: 'channel',
    children: ends.map(({ domain, id, calls, notifies }) => ({
      name: 'end',
      attributes: { pd: domain, id: String(id), pp: yesOrNo(calls), notify: yesOrNo(notifies) },
    })),
  };
}

/** The text of the `.system` file. The same system gives the same text. Errors: 'layout' for what XML cannot hold. */
export function renderSystem({ comment, regions, domains, channels }: System): string {
  return renderXml({
    name: 'system',
    comment,
    children: [...regions.map(regionElement), ...domains.map(domainElement), ...channels.map(channelElement)],
  });
}
