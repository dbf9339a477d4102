/**
 * What a target's platform layer is as data, and the files that layers share.
 *
 * Every target implements Solo5's public API (include/solo5.h). What of that knows nothing of a machine (Solo5's own
 * words on the command line, the manifest's form, how ticks become nanoseconds) is in layer/. What needs no more than
 * memory described by a boot block and devices described by a device tree is in machine/, and in virtio/ for the devices
 * that are reached over virtio-mmio; arch/ has the little of it that only a processor's own instructions can do. The rest
 * is the target's.
 */

/** A function of a layer, and the object that it is in. */
export interface LayerFunction {
  readonly name: string;
  readonly object: string;
}

/** What machine code does not show of a layer's calls. */
export interface LayerCalls {
  /** Who calls the program's constructors. */
  readonly constructors: LayerFunction;
  /** Who calls functions of the layer through pointers, and which. */
  readonly indirect?: readonly { readonly from: LayerFunction; readonly to: readonly LayerFunction[] }[];
  /** Who is active so often at once, at most. */
  readonly activations: readonly (LayerFunction & { readonly count: number })[];
}

export interface PlatformSources {
  /** C and assembly files, in link order. */
  readonly sources: readonly string[];
  /** What programs include <solo5.h> from. */
  readonly include: string;
  /** Folders of headers that the layer's own files include, and programs do not see. */
  readonly headers: readonly string[];
  /** clang flags for the layer and for programs alike; a program's own flags come after them. */
  readonly cflags: readonly string[];
  /** Further flags for the layer's own files. */
  readonly platformCflags: readonly string[];
  /** Where execution starts. */
  readonly entry: string;
}

/** Where <solo5.h> is. */
export const sharedInclude = 'targets/platform/include';

/** Headers that layers share and programs do not see. */
export const sharedHeaders = 'targets/platform/layer';

/** C files that belong to every layer. */
export const sharedSources: readonly string[] = ['arguments.c', 'forget.c', 'secrets.c'].map(
  (file) => `${sharedHeaders}/${file}`,
);

const sharedMachine = 'targets/platform/machine';
const sharedVirtio = 'targets/platform/virtio';

const inFolder = (folder: string, files: readonly string[]): readonly string[] =>
  files.map((file) => `${folder}/${file}`);

/** Layers whose guests start with a boot block: their C files but for devices, and every header of the shared part. */
export const machineSources: readonly string[] = inFolder(sharedMachine, [
  ...['start.c', 'canary.c', 'ending.c', 'text.c', 'options.c', 'fdt.c', 'machine.c', 'address.c', 'heap.c'],
  ...['tls.c', 'clock.c', 'mem.c'],
]);

/** Devices over virtio-mmio. */
export const virtioSources: readonly string[] = inFolder(sharedVirtio, [
  ...['virtio.c', 'devices.c', 'net.c', 'block.c', 'random.c'],
]);

/** Of each processor. */
export const archSources = {
  'x86-64': inFolder('targets/platform/arch/x86-64', ['mem.c', 'tls.c']),
  aarch64: ['targets/platform/arch/aarch64/copy.S', `${sharedMachine}/pl031.c`],
  riscv64: ['targets/platform/arch/riscv64/copy.S', `${sharedMachine}/goldfish.c`],
} as const;

export type Arch = keyof typeof archSources;

export const archHeaders = (arch: Arch): string => `targets/platform/arch/${arch}`;

/** Where the files of the shared part find headers, on a processor. */
export function machineHeaders(arch: Arch): readonly string[] {
  return [sharedHeaders, sharedMachine, sharedVirtio, archHeaders(arch)];
}

/** How C is compiled for such guests, after what says for which processor. */
export const machineCflags: readonly string[] = [
  '-fpie',
  // All of an image is linked at once: no symbol comes from elsewhere, so none needs the GOT.
  '-fdirect-access-external-data',
  '-std=c11',
  '-O2',
  '-ffreestanding',
  // The compiler's own headers (stddef.h, stdint.h) and none of the host's.
  '-nostdlibinc',
  '-fno-common',
  '-ffunction-sections',
  '-fdata-sections',
  '-fno-asynchronous-unwind-tables',
  '-ftls-model=local-exec',
  // The canary lives in __stack_chk_guard: see targets/platform/machine/canary.c.
  '-fstack-protector-strong',
];

/** For the layer's own files: small rather than fast, since what is called often (memcpy) is written to be fast. */
export const machineLayerCflags: readonly string[] = ['-Oz', '-Wall', '-Wextra', '-fno-builtin'];

/** The object of a layer's source, as builds name it. */
export const objectOf = (source: string): string => `casemate/${source}.o`;

/** What machine code does not show of the calls of the shared part. */
export const machineCalls = {
  constructors: { name: 'run_constructors', object: objectOf(`${sharedMachine}/start.c`) },
  // The one visitor of a tree: machine.c.
  indirect: [
    {
      from: { name: 'layer_fdt_walk', object: objectOf(`${sharedMachine}/fdt.c`) },
      to: ['visit', 'reserve'].map((name) => ({ name, object: objectOf(`${sharedMachine}/machine.c`) })),
    },
  ],
  activations: [
    // A damaged canary ends the program. It is told of by code with a canary, and nothing is promised if that is damaged too.
    { name: '__stack_chk_fail', object: objectOf(`${sharedMachine}/canary.c`), count: 1 },
    // What has waited for a free buffer writes again, and does not wait then.
    { name: 'solo5_net_write', object: objectOf(`${sharedVirtio}/net.c`), count: 2 },
  ],
  /** Where the program's stack begins. */
  entry: { name: 'layer_start', object: objectOf(`${sharedMachine}/start.c`) },
} as const satisfies LayerCalls & { readonly entry: LayerFunction };

/** The module `casemate/platform` in C, over what every layer implements: for programs that import it. */
export const verifiedModule = {
  folder: 'targets/platform/verified',
  sources: ['targets/platform/verified/platform.c'],
  /** What a broken precondition comes to: its name on the console, and the end. */
  preconditions: 'targets/platform/verified/precondition.c',
} as const;

/** The same where there is no console that we know of. */
export const trapSource = 'targets/platform/verified/trap.c';

/** The probes' unikernel of a target, as files relative to the package's root; all land in one folder. */
export interface ProbeFiles {
  readonly target: 'hvt' | 'riscv64';
  readonly sources: readonly string[];
  readonly headers: readonly string[];
}

/** What the probes of all targets share: how they say what happens. */
export const sharedProbeSource = 'targets/platform/probes/say.c';
/** Where guests know from a boot block where their stack is: how one leaves it. */
export const stackProbeSource = 'targets/platform/probes/stack.c';
export const sharedProbeHeader = 'targets/platform/probes/say.h';
