/**
 * Probes: what a guest must not be able to do, tried by a guest.
 *
 * That an image's segments say "no execute" proves nothing on a tender that ignores them, and neither does an image
 * that boots: it would boot without any protection as well. The proof is a program that tries the forbidden thing, with
 * the very layout and start-up code of the image in question, and is stopped at the very address it went for. And the
 * program itself proves nothing unless it gets through where nobody stops it. So every probe here has two expectations:
 * on a stock image, and on a hardened one with what its processor offers.
 *
 * The sources of the probes (probes/*.c) make one unikernel, which takes a probe's name as its argument; a probe is one
 * boot. This file is the list of them; judge-probe.ts judges how a boot ended, run-probes.ts boots. The last ones of the
 * list get through on a hardened image as well: they show what code in ring 0 can take back.
 */
import { type ProbeFiles, sharedProbeHeader, sharedProbeSource } from '../platform/sources.ts';

const folder = 'targets/hvt/probes';

/** Files of the probes' unikernel, relative to the package's root. */
export const hvtProbeFiles: ProbeFiles = {
  target: 'hvt',
  sources: ['main.c', 'memory.c', 'stack.c', 'undo.c'].map((file) => `${folder}/${file}`).concat(sharedProbeSource),
  headers: [`${folder}/probe.h`, sharedProbeHeader],
};

export type Access = 'reading' | 'writing' | 'executing';

/**
 * How a probe may end.
 *
 * succeeds: nothing stops it. faults: a page fault of this access, at the announced address, with one of these error
 * codes (Intel SDM volume 3, 4.7). traps: another exception. killed: the tender dies of it. aborts: the guest's own code
 * notices and ends. nothing: it was let in where nothing is left.
 */
export type Ending =
  | { readonly kind: 'succeeds' }
  | { readonly kind: 'faults'; readonly access: Access; readonly errors: readonly number[] }
  | { readonly kind: 'traps'; readonly vector: number }
  | { readonly kind: 'killed' }
  | { readonly kind: 'nothing' }
  | { readonly kind: 'aborts'; readonly message: string };

/** What a processor has to make hardened text unreadable: protection keys, SMAP, both, or nothing. */
export type TextGuard = 'pku+smap' | 'pku' | 'smap' | 'none';

export type ByProcessor = Readonly<Record<TextGuard, Ending>>;

export interface Probe {
  readonly name: string;
  /** What it tries, to stand after "a program". */
  readonly tries: string;
  /** Whether it takes an address as its argument, and which. */
  readonly needs?: 'stub';
  /** Text of the argument, for a probe with one that is always the same. */
  readonly argument?: string;
  /** On an image that nobody hardened, and on a hardened one; by what the processor has, where that matters. */
  readonly stock: Ending | ByProcessor;
  readonly hardened: Ending | ByProcessor;
  /** On a hardened image whose stub lies below it, when that is another. */
  readonly absent?: Ending;
}

const succeeds: Ending = { kind: 'succeeds' };
const killed: Ending = { kind: 'killed' };
const invalidOpcode: Ending = { kind: 'traps', vector: 6 };

/** Bits of a page fault's error code. */
const PRESENT = 1;
const WRITE = 2;
const FETCH = 0x10;
const KEY = 0x20;

const faults = (access: Access, ...errors: number[]): Ending => ({ kind: 'faults', access, errors });
const unmappedRead = faults('reading', 0);
const unmappedWrite = faults('writing', WRITE);
/** Stock images have no EFER.NXE, without which a fetch is not told from a read in the error code. */
const unmappedFetch = (nxe: boolean): Ending => faults('executing', nxe ? FETCH : 0);
const readOnly = faults('writing', PRESENT | WRITE);
const noExecute = faults('executing', PRESENT | FETCH);
/** A processor may name the key or the page's own permission when both forbid a write. */
const readOnlyText = faults('writing', PRESENT | WRITE, PRESENT | WRITE | KEY);
const hiddenText: ByProcessor = {
  'pku+smap': faults('reading', PRESENT | KEY),
  pku: faults('reading', PRESENT | KEY),
  smap: faults('reading', PRESENT),
  none: succeeds,
};

/**
 * Every probe, the control first: it must succeed everywhere, or no other says anything.
 *
 * The stub's probes take the address that its two pages have in the image.
 */
export const probes: readonly Probe[] = [
  { name: 'control', tries: 'reads and writes its heap, which it may', stock: succeeds, hardened: succeeds },

  { name: 'read-text', tries: 'reads code', stock: succeeds, hardened: hiddenText },
  { name: 'write-text', tries: 'writes to code', stock: killed, hardened: readOnlyText },
  { name: 'write-rodata', tries: 'writes to read-only data', stock: killed, hardened: readOnly },
  {
    name: 'write-relro',
    tries: 'writes to data that is read-only after start-up',
    stock: succeeds,
    hardened: readOnly,
  },

  { name: 'execute-data', tries: 'executes data', stock: succeeds, hardened: noExecute },
  { name: 'execute-bss', tries: 'executes zero-initialised data', stock: succeeds, hardened: noExecute },
  { name: 'execute-stack', tries: 'executes its stack', stock: succeeds, hardened: noExecute },
  { name: 'execute-heap', tries: 'executes its heap', stock: succeeds, hardened: noExecute },
  { name: 'execute-rodata', tries: 'executes read-only data', stock: succeeds, hardened: noExecute },
  { name: 'execute-relro', tries: 'executes RELRO data', stock: succeeds, hardened: noExecute },
  {
    name: 'execute-boot-info',
    tries: 'executes its command line',
    // push $42; pop %rax; ret: in ASCII but for the last, whose UTF-8 form begins with the right byte.
    argument: 'j*X\u00c0',
    stock: succeeds,
    hardened: noExecute,
  },

  { name: 'read-null', tries: 'reads address 0', stock: unmappedRead, hardened: unmappedRead },
  { name: 'write-null', tries: 'writes to address 0', stock: unmappedWrite, hardened: unmappedWrite },
  { name: 'execute-null', tries: 'executes address 0', stock: unmappedFetch(false), hardened: unmappedFetch(true) },
  { name: 'read-boot-info', tries: 'reads boot_info, which it may', stock: succeeds, hardened: succeeds },
  { name: 'write-boot-info', tries: 'writes to boot_info', stock: readOnly, hardened: readOnly },

  { name: 'overflow-stack', tries: 'recurses without end', stock: succeeds, hardened: unmappedWrite },
  { name: 'write-below-stack', tries: 'writes under its stack', stock: succeeds, hardened: unmappedWrite },
  { name: 'read-above-stack', tries: 'reads above its stack', stock: unmappedRead, hardened: unmappedRead },
  {
    name: 'smash-stack',
    tries: 'writes over the end of a buffer',
    stock: { kind: 'aborts', message: 'the canary is damaged' },
    hardened: { kind: 'aborts', message: 'the canary is damaged' },
  },

  { name: 'read-low-tables', tries: "reads the tender's page tables", stock: unmappedRead, hardened: unmappedRead },
  { name: 'read-page-tables', tries: 'reads its page tables', stock: unmappedRead, hardened: unmappedRead },
  { name: 'write-page-tables', tries: 'writes to its page tables', stock: unmappedWrite, hardened: unmappedWrite },
  { name: 'host-write-text', tries: 'lets the tender write to code', stock: killed, hardened: killed },
  { name: 'host-write-rodata', tries: 'lets the tender write to read-only data', stock: killed, hardened: killed },

  // A stub behind the image clears itself, and its memory becomes heap; one below it is absent from then on.
  {
    name: 'read-stub',
    needs: 'stub',
    tries: 'looks for the start-up stub',
    stock: succeeds,
    hardened: { kind: 'nothing' },
    absent: unmappedRead,
  },
  {
    name: 'execute-stub',
    needs: 'stub',
    tries: 'jumps to where the start-up stub was',
    stock: succeeds,
    hardened: noExecute,
    absent: unmappedFetch(true),
  },
  { name: 'read-veneer', tries: "reads the stub's last instructions", stock: unmappedRead, hardened: hiddenText },
  {
    name: 'write-veneer',
    tries: "writes to the stub's last instructions",
    stock: unmappedWrite,
    hardened: readOnlyText,
  },

  // From here on, what ring 0 can take back.
  {
    name: 'host-write-page-tables',
    tries: 'lets the tender write to its page tables',
    stock: succeeds,
    hardened: succeeds,
  },
  {
    name: 'undo-stac',
    tries: 'reads code after stac',
    stock: { 'pku+smap': succeeds, pku: invalidOpcode, smap: succeeds, none: invalidOpcode },
    hardened: { ...hiddenText, pku: invalidOpcode, smap: succeeds, none: invalidOpcode },
  },
  { name: 'undo-popf', tries: 'reads code after popf', stock: succeeds, hardened: { ...hiddenText, smap: succeeds } },
  {
    name: 'undo-wrpkru',
    tries: 'reads code after wrpkru',
    stock: invalidOpcode,
    hardened: {
      'pku+smap': faults('reading', PRESENT),
      pku: succeeds,
      smap: invalidOpcode,
      none: invalidOpcode,
    },
  },
  {
    name: 'undo-wrpkru-stac',
    tries: 'reads code after wrpkru and stac',
    stock: invalidOpcode,
    hardened: { 'pku+smap': succeeds, pku: invalidOpcode, smap: invalidOpcode, none: invalidOpcode },
  },
  { name: 'undo-cr4', tries: 'reads code after clearing bits of CR4', stock: succeeds, hardened: succeeds },
  {
    name: 'undo-write-protect',
    tries: 'writes to RELRO data after clearing CR0.WP',
    stock: succeeds,
    hardened: succeeds,
  },
  { name: 'undo-tables', tries: 'executes data under page tables of its own', stock: succeeds, hardened: succeeds },
];
