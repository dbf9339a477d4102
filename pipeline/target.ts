/**
 * What a target adds to a build: how C is compiled for it, which objects join the link, and what the image must obey.
 *
 * A target is data and pure functions; the pipeline compiles, links and writes. Targets live in targets/<name>/; this
 * file turns one of them and a manifest into the plan that build.ts follows. seL4's is in target-sel4.ts.
 */
import { join } from 'node:path';
import { CasemateError, fail } from '../base/errors.ts';
import { withSlideSection } from '../hardening/slide/attach.ts';
import { EF_RISCV_FLOAT_ABI_DOUBLE, EF_RISCV_RVC, EM_RISCV } from '../linker/elf.ts';
import type { LinkedImage } from '../linker/image.ts';
import { parseScript } from '../linker/script/parse.ts';
import { DEFAULT_STACK, hardenImage } from '../targets/hvt/harden.ts';
import { checkFits, readHvtImage } from '../targets/hvt/image.ts';
import { ABI_SYMBOL, hvtNotesObject, MANIFEST_SYMBOL, manifestNoteObject } from '../targets/hvt/notes.ts';
import { hvtPlatform } from '../targets/hvt/platform.ts';
import { trapSource, verifiedModule } from '../targets/platform/sources.ts';
import { DEFAULT_STACK as DEFAULT_RISCV_STACK, hardenRiscv } from '../targets/riscv64/harden.ts';
import { checkFitsMemory, readRiscvImage, roomIn, withLoadAddresses } from '../targets/riscv64/image.ts';
import { riscvLayout } from '../targets/riscv64/layout.ts';
import { riscvPlatform } from '../targets/riscv64/platform.ts';
import type { Manifest } from './manifest.ts';
import {
  casemateHome,
  layerOf,
  librariesOf,
  moduleFlags,
  noteMissing,
  ourFile,
  ownHeaders,
  type TargetPlan,
  wipeFlags,
} from './target-parts.ts';
import { type SeL4Choice, sel4Plan } from './target-sel4.ts';
import { hostedFlags } from './unit-flags.ts';

/** A plain executable: compiled for a hosted system, linked, and nothing more. */
function elfPlan(manifest: Manifest): TargetPlan {
  const { link, secrets } = manifest;
  const flags = hostedFlags(link?.machine ?? 'x86-64');
  const isWiped = secrets?.wipe === true || (link?.wipe ?? []).length > 0;
  return {
    extension: '',
    defaultFlags: flags,
    // A call within one section leads past a veneer, where the assembler has resolved it.
    requiredFlags: [...(isWiped ? ['-ffunction-sections'] : []), ...wipeFlags(manifest)],
    platform: [],
    preconditions: [ourFile(trapSource, [...flags, '-std=c11', '-ffreestanding', '-nostdlibinc'])],
    libraries: new Map(),
    viaAssembly: link?.machine === 'riscv64',
    includeFolders: [ownHeaders],
    platformFolders: [ownHeaders, join(casemateHome, verifiedModule.folder)],
    objects: [],
    link: {},
    keep: [],
    // What its loader gives is not known.
    stack: {},
    finish: (image) => image.bytes,
    check: () => {},
  };
}

/** Adds what a launch needs to slide the image. An image that cannot be slid is an image all the same. */
function finishSlidable(image: LinkedImage, name: string, note: (text: string) => void): Uint8Array {
  try {
    return withSlideSection(image, name);
  } catch (error) {
    if (!(error instanceof CasemateError)) throw error;
    note(`casemate: warning: ${name}: cannot be slid at launch: ${error.message}`);
    return image.bytes;
  }
}

/** The image with what a launch needs to slide it, and hardened when the manifest asks for it. */
function finishHvt(image: LinkedImage, manifest: Manifest, note: (text: string) => void): Uint8Array {
  const name = `${manifest.name}.hvt`;
  const bytes = finishSlidable(image, name, note);
  if (manifest.harden === undefined) return bytes;
  const { require = [], stack, executeOnly = 'auto' } = manifest.harden;
  const kib = stack === undefined ? DEFAULT_STACK : stack << 10;
  const hardened = hardenImage(bytes, name, { require, stack: kib, executeOnly });
  noteMissing(hardened.protections, name, note);
  return hardened.bytes;
}

/** Bytes of stack: the stub's, or what the platform layer keeps free of heap (targets/hvt/platform/memory.c). */
function hvtStack({ harden, memory }: Manifest, imageEnd: number): number {
  if (harden !== undefined) return harden.stack === undefined ? DEFAULT_STACK : harden.stack << 10;
  const free = memory === undefined ? Number.POSITIVE_INFINITY : memory * 2 ** 20 - imageEnd;
  return Math.min(hvtPlatform.stackReserve, Math.floor(free / 4));
}

/** An hvt image with our platform layer and the notes that the tender wants. */
function hvtPlan(manifest: Manifest): TargetPlan {
  const layer = manifest.platform !== 'none';
  const { folders, platform } = layerOf(hvtPlatform);
  const notes = { name: 'casemate/notes.o', bytes: hvtNotesObject(manifest.devices ?? []) };
  return {
    extension: '.hvt',
    defaultFlags: hvtPlatform.cflags,
    requiredFlags: wipeFlags(manifest),
    platform: layer ? platform : [],
    preconditions: [ourFile(verifiedModule.preconditions, moduleFlags(hvtPlatform))],
    libraries: librariesOf(hvtPlatform),
    viaAssembly: false,
    includeFolders: [...folders.slice(0, 1), ownHeaders],
    platformFolders: [...folders, ownHeaders],
    objects: layer ? [notes] : [],
    link: {
      machine: 'x86-64',
      imageBase: hvtPlatform.imageBase,
      maxPageSize: 0x1000,
      // For the start-up stub of a hardened image.
      spareSegments: 2,
      ...(layer ? { entry: hvtPlatform.entry, gcSections: true } : {}),
    },
    keep: layer ? [ABI_SYMBOL, MANIFEST_SYMBOL] : [],
    stack: layer ? { given: (end: number) => hvtStack(manifest, end), ...hvtPlatform.calls } : {},
    finish: (image, note) => finishHvt(image, manifest, note),
    check: (bytes) => {
      const file = `${manifest.name}.hvt`;
      const image = readHvtImage(bytes, file);
      if (manifest.memory !== undefined) checkFits(image, BigInt(manifest.memory) << 20n, file);
    },
  };
}

/** The image where QEMU can load it, and hardened when the manifest asks for it. */
function finishRiscv(image: LinkedImage, manifest: Manifest, note: (text: string) => void): Uint8Array {
  const name = `${manifest.name}.riscv64`;
  const bytes = withLoadAddresses(image.bytes, name);
  if (manifest.harden === undefined) return bytes;
  const { require = [], stack, executeOnly = 'auto', mode } = manifest.harden;
  const hardened = hardenRiscv(bytes, name, {
    // Protection keys are x86's: the manifest's check has refused them.
    require: require.filter((what) => what !== 'pku'),
    stack: stack === undefined ? DEFAULT_RISCV_STACK : stack << 10,
    executeOnly,
    ...(mode === undefined ? {} : { mode }),
  });
  noteMissing(hardened.protections, name, note);
  return hardened.bytes;
}

/** Bytes of stack: the stub's, or what the platform layer keeps free of heap (targets/riscv64/platform/plain.c). */
function riscvStack({ harden, memory }: Manifest, imageEnd: number): number {
  const own = harden?.stack === undefined ? DEFAULT_RISCV_STACK : harden.stack << 10;
  const free = memory === undefined ? Number.POSITIVE_INFINITY : roomIn(memory * 2 ** 20) - imageEnd;
  const quarter = Math.floor(free / 4 / 4096) * 4096;
  return Math.min(harden === undefined ? riscvPlatform.stackReserve : own, quarter);
}

/** An image for bare RISC-V with our platform layer. */
function riscvPlan(manifest: Manifest): TargetPlan {
  const layer = manifest.platform !== 'none';
  const { folders, platform } = layerOf(riscvPlatform);
  const machine = { machine: EM_RISCV, flags: EF_RISCV_RVC | EF_RISCV_FLOAT_ABI_DOUBLE };
  const notes = { name: 'casemate/notes.o', bytes: manifestNoteObject(manifest.devices ?? [], machine) };
  return {
    extension: '.riscv64',
    defaultFlags: riscvPlatform.cflags,
    requiredFlags: wipeFlags(manifest),
    platform: layer ? platform : [],
    preconditions: [ourFile(verifiedModule.preconditions, moduleFlags(riscvPlatform))],
    libraries: librariesOf(riscvPlatform),
    viaAssembly: true,
    includeFolders: [...folders.slice(0, 1), ownHeaders],
    platformFolders: [...folders, ownHeaders],
    objects: layer ? [notes] : [],
    link: {
      machine: 'riscv64',
      pie: true,
      packRelativeRelocs: true,
      maxPageSize: 0x1000,
      scripts: [parseScript(riscvLayout, '<layout for riscv64>')],
      ...(layer ? { entry: riscvPlatform.entry, gcSections: true } : {}),
    },
    keep: layer ? [MANIFEST_SYMBOL] : [],
    stack: layer ? { given: (end: number) => riscvStack(manifest, end), ...riscvPlatform.calls } : {},
    finish: (image, note) => finishRiscv(image, manifest, note),
    check: (bytes) => {
      const name = `${manifest.name}.riscv64`;
      const image = readRiscvImage(bytes, name);
      if (manifest.memory !== undefined) checkFitsMemory(image, BigInt(manifest.memory) << 20n, name);
    },
  };
}

/** The plan of a manifest's target; `sel4` is what an image for seL4 is made for. */
export function targetPlan(manifest: Manifest, sel4?: SeL4Choice): TargetPlan {
  switch (manifest.target) {
    case 'hvt':
      return hvtPlan(manifest);
    case 'riscv64':
      return riscvPlan(manifest);
    case 'elf':
      return elfPlan(manifest);
    case 'sel4':
      return sel4 === undefined ? fail('usage', 'an image for seL4 needs a kernel') : sel4Plan(manifest, sel4);
  }
}
