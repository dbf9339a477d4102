/**
 * What a build for seL4 is: the plan of a root image, which depends on the kernel that it is for. A protection domain of
 * Microkit's is the same but for how it begins and ends, and who says what it may do.
 *
 * The kernel says which machine it is, whether there is floating point, and every number of its interface; the seed says
 * where the image lies. Protection is not an option here: a root task that does not protect itself has all its memory
 * writable and executable.
 */
import { createHash } from 'node:crypto';
import { fail, hex, printable } from '../base/errors.ts';
import * as elf from '../linker/elf.ts';
import { parseScript } from '../linker/script/parse.ts';
import { MANIFEST_SYMBOL, manifestNoteObject } from '../targets/hvt/notes.ts';
import { verifiedModule } from '../targets/platform/sources.ts';
import { drawAddresses, LARGE_PAGE, MOST_HEAP } from '../targets/sel4/addresses.ts';
import { readSeL4Image, rootImage, startUpOf } from '../targets/sel4/image.ts';
import type { Kernel } from '../targets/sel4/kernel.ts';
import { machineNumbers } from '../targets/sel4/kernel-elf.ts';
import { largestUntyped } from '../targets/sel4/kernel-memory.ts';
import { sel4Layout } from '../targets/sel4/layout.ts';
import { checkRootImage, extraBootInfoOf } from '../targets/sel4/loading-rules.ts';
import { programProtections } from '../targets/sel4/microkit/findings.ts';
import { microkitMachine } from '../targets/sel4/microkit/machine.ts';
import { checkProgram } from '../targets/sel4/microkit/pd-image.ts';
import { microkitPlatform, writtenSymbols } from '../targets/sel4/microkit/platform.ts';
import { programImage } from '../targets/sel4/microkit/program-image.ts';
import { TREE_ROOM } from '../targets/sel4/pack/boot-file.ts';
import { checkPlatform, sel4Platform } from '../targets/sel4/platform.ts';
import type { Manifest } from './manifest.ts';
import { requireEntry, requireStartupCode } from './startup-code.ts';
import {
  layerOf,
  librariesOf,
  moduleFlags,
  noteMissing,
  ourFile,
  ownHeaders,
  type TargetPlan,
  wipeFlags,
} from './target-parts.ts';

/** What an image for seL4 is made for. */
export interface SeL4Choice {
  readonly kernel: Kernel;
  /** Decides addresses; default: the kernel's hash and the project's name. */
  readonly seed?: string;
}

const DEFAULT_STACK = 1 << 18;
/** Mebibytes. */
const DEFAULT_MEMORY = 16;

/** e_machine and e_flags of objects that we make. */
function objectFor({ machine, hasFpu }: Kernel): { machine: number; flags: number } {
  const float = hasFpu ? elf.EF_RISCV_FLOAT_ABI_DOUBLE : 0;
  return { machine: machineNumbers[machine], flags: machine === 'riscv64' ? elf.EF_RISCV_RVC | float : 0 };
}

function seedOf(manifest: Manifest, { kernel, seed }: SeL4Choice): Uint8Array {
  const hash = createHash('sha256').update('casemate sel4 addresses\0');
  return hash.update(seed ?? manifest.sel4?.seed ?? `${kernel.sha256}\0${manifest.name}`).digest();
}

/** The heap, in whole large pages. */
export function heapOf({ memory = DEFAULT_MEMORY }: Manifest): number {
  return Math.max(1, Math.floor((memory * 2 ** 20) / LARGE_PAGE)) * LARGE_PAGE;
}

/** Refuses a heap that has no room in the address space, or in the memory that the kernel was built for. */
function checkHeap(
  manifest: Manifest,
  { memory: ranges, name }: Kernel,
  form: 'root-task' | 'protection-domain',
): void {
  const heap = heapOf(manifest);
  const asked = `memory: found ${manifest.memory ?? DEFAULT_MEMORY}`;
  if (heap > MOST_HEAP)
    fail('manifest', `${asked}; must be at most ${MOST_HEAP / 2 ** 20} for seL4: MiB of heap, contiguous in memory`);
  // Start-up code makes it of one untyped; Microkit, of as many as it likes.
  if (ranges === undefined || form !== 'root-task') return;
  const piece = 2n ** BigInt(Math.ceil(Math.log2(heap)));
  const largest = largestUntyped(ranges);
  if (piece > largest)
    fail(
      'manifest',
      `${asked} (MiB of heap), which takes an untyped of ${hex(piece)} bytes; ${printable(name)} was built for memory whose ` +
        `largest one has ${hex(largest)}`,
    );
}

const stackOf = ({ harden }: Manifest): number => (harden?.stack === undefined ? DEFAULT_STACK : harden.stack << 10);

/** A sealed root image for a kernel, or the program of a protection domain on one of Microkit's. */
export function sel4Plan(manifest: Manifest, choice: SeL4Choice): TargetPlan {
  const { kernel } = choice;
  const { aslr = 'build', form = 'root-task' } = manifest.sel4 ?? {};
  const moves = aslr === 'boot';
  const domain = form === 'protection-domain' ? microkitMachine(kernel) : undefined;
  const extension = domain === undefined ? '.sel4' : '.pd';
  const name = `${manifest.name}${extension}`;
  checkPlatform(kernel, manifest.devices ?? [], name);
  checkHeap(manifest, kernel, form);
  const layer = domain === undefined ? sel4Platform(kernel, aslr) : microkitPlatform(kernel);
  const { folders, platform } = layerOf(layer);
  const addresses = drawAddresses(seedOf(manifest, choice), kernel.userTop);
  const stack = stackOf(manifest);
  const notes = { name: 'casemate/notes.o', bytes: manifestNoteObject(manifest.devices ?? [], objectFor(kernel)) };
  const { executeOnly = 'auto', require = [] } = manifest.harden ?? {};
  return {
    extension,
    defaultFlags: layer.cflags,
    requiredFlags: wipeFlags(manifest),
    platform,
    preconditions: [ourFile(verifiedModule.preconditions, moduleFlags(layer))],
    libraries: librariesOf(layer),
    viaAssembly: kernel.machine === 'riscv64',
    includeFolders: [...folders.slice(0, 1), ownHeaders],
    platformFolders: [...folders, ownHeaders],
    objects: [notes],
    link: {
      machine: kernel.machine,
      maxPageSize: 0x1000,
      scripts: [parseScript(sel4Layout({ base: addresses.image, stack, moves }), '<layout for seL4>')],
      entry: layer.entry,
      ...(moves ? { pie: true, packRelativeRelocs: true } : {}),
      gcSections: true,
    },
    keep: [MANIFEST_SYMBOL, 'sel4_settings', ...(domain === undefined ? [] : writtenSymbols)],
    stack: { given: () => stack, ...layer.calls },
    finish: (image, note) => {
      const job = { image, layer, wrap: manifest.link?.wrap ?? [], base: addresses.image, name };
      if (domain === undefined) requireStartupCode(job);
      else requireEntry(job);
      const root = rootImage(image.bytes, name, { kernel, addresses, heapSize: heapOf(manifest), executeOnly, aslr });
      const readable = root.protections.find((each) => each.name === 'execute-only text' && !each.enforced);
      if (readable !== undefined && require.includes('xom'))
        fail('image', `${name}: text cannot be execute-only, which is required: ${readable.detail}`);
      if (domain === undefined) {
        noteMissing(root.protections, name, note);
        return root.bytes;
      }
      const text = readable === undefined ? 'execute' : 'read-execute';
      noteMissing(programProtections(kernel, text, (manifest.devices ?? []).length > 0), name, note);
      return programImage(root.bytes, name);
    },
    check: (bytes) => {
      const image = readSeL4Image(bytes, name);
      if (domain !== undefined) checkProgram(bytes, name, { machine: domain, stackSize: 0x1000, set: [] });
      else checkRootImage(bytes, name, kernel, extraBootInfoOf(kernel.machine, TREE_ROOM), startUpOf(image));
    },
  };
}
