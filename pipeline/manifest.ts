/**
 * casemate.json: what one unikernel is made of.
 *
 * The first phase of a build turns the manifest's text into plain data or into one error that names the file, the line,
 * the key, what was found there and what is allowed. The shape is docs/schema/casemate.schema.json, which editors use
 * too; what a schema cannot say (names that must differ, keys that exclude one another) is checked here. Nothing in
 * this file opens a file: paths stay as declared until paths.ts confines them.
 */
import { casemate as accepts } from '../base/accepts.gen.ts';
import { fail } from '../base/errors.ts';
import type { At } from '../base/json.ts';
import { parseBySchema, show } from '../base/json-schema.ts';
import type { AllocatorRole, SecretItem } from '../base/secrets.ts';
import schema from '../docs/schema/casemate.schema.json';
import type { Machine } from '../linker/program.ts';

/** A number, or a hexadecimal one as text ("0x100000"). */
export type ManifestNumber = number | string;

export interface ManifestInput {
  readonly path: string;
  /** Every member of the archive is linked. */
  readonly whole?: boolean;
  /** The name that scripts and messages see, where it differs from `path`. */
  readonly as?: string;
}

/** The link's options as a manifest spells them; link-options.ts gives them their meaning. */
export interface ManifestLink {
  readonly inputs?: readonly (string | ManifestInput)[];
  readonly script?: string | readonly string[];
  readonly entry?: string;
  readonly machine?: Machine;
  readonly pie?: boolean;
  readonly gcSections?: boolean;
  readonly undefined?: readonly string[];
  readonly required?: readonly string[];
  readonly wrap?: readonly string[];
  /** Functions that are wiped after: see hardening/wipe/wish.ts. */
  readonly wipe?: readonly string[];
  readonly defsym?: readonly string[];
  readonly buildId?: string;
  readonly emitRelocs?: boolean;
  readonly strip?: 'none' | 'debug' | 'all';
  readonly discardLocals?: 'none' | 'temporary' | 'all';
  readonly relax?: boolean;
  readonly packRelativeRelocs?: boolean;
  readonly ehFrameHeader?: boolean;
  readonly relro?: boolean;
  readonly maxPageSize?: ManifestNumber;
  readonly commonPageSize?: ManifestNumber;
  readonly stackSize?: ManifestNumber;
  readonly imageBase?: ManifestNumber;
  readonly executableStack?: boolean;
  readonly sectionStart?: Readonly<Record<string, ManifestNumber>>;
  readonly undefinedPolicy?: 'error' | 'warn' | 'ignore';
  readonly allowMultipleDefinition?: boolean;
  readonly warnCommon?: boolean;
  readonly fatalWarnings?: boolean;
  readonly orphanHandling?: 'place' | 'warn' | 'error' | 'discard';
  readonly sortCommon?: boolean;
  readonly sortSection?: 'name' | 'alignment';
  readonly map?: boolean;
}

export interface ManifestDevice {
  readonly name: string;
  readonly type: 'net' | 'block';
}

type Required = readonly ('xom' | 'pku' | 'entropy')[];

export interface ManifestHarden {
  /** Of the target that is built; a manifest may say it by target. */
  readonly require?: Required;
  /** KiB. */
  readonly stack?: number;
  readonly executeOnly?: 'auto' | 'always' | 'never';
  /** riscv64: only this paging mode. */
  readonly mode?: 'sv39' | 'sv48' | 'sv57';
}

/** A function that is built although its proof does not hold. */
export interface ManifestWaiver {
  /** FILE:NAME. */
  readonly function: string;
  readonly reason: string;
}

/** What machine code does not show of the stack. */
export interface ManifestStack {
  /** Functions that indirect calls may come to, by the function that makes them. */
  readonly indirect?: Readonly<Record<string, readonly string[]>>;
  /** How many activations of a function there are at once, at most. */
  readonly recursion?: Readonly<Record<string, number>>;
  /** Why the build goes on without a bound. */
  readonly unproved?: string;
}

/** One argument or variable of a function that handles secrets; base/secrets.ts says what the kinds mean. */
export interface ManifestSecretItem {
  readonly is: SecretItem['kind'];
  /** Of all but variables. */
  readonly argument?: number;
  /** A variable. */
  readonly symbol?: string;
  /** Of what it points to; with `length` at most. */
  readonly bytes?: number;
  /** The argument that says how many bytes there are. */
  readonly length?: number;
  readonly value?: number;
}

/** A function that came compiled, and what of it is secret. */
export interface ManifestSecretFunction {
  readonly function: string;
  readonly arguments: readonly ManifestSecretItem[];
  /** Bytes of the result that are meant to be seen. */
  readonly result?: number;
  /** Bytes that it returns in the first register of integers; 0: it returns nothing. */
  readonly returns?: number;
  /** What must be clear at the return. */
  readonly clear?: readonly ('buffer' | 'stack' | 'registers' | 'heap')[];
  /** Bytes. */
  readonly maxStack?: number;
}

export interface ManifestSecrets {
  /** Every function with a record that the link has, but those that are waived, is put behind a veneer that wipes. */
  readonly wipe?: boolean;
  /** Functions that give and take memory, by other names than C's. */
  readonly allocators?: readonly { readonly function: string; readonly is: AllocatorRole; readonly wipes?: boolean }[];
  /** Variables of the image that hold secrets and are cleared before its program ends, besides those of records. */
  readonly variables?: readonly { readonly symbol: string; readonly bytes: number }[];
  readonly functions?: readonly ManifestSecretFunction[];
  /** Functions, by symbol, that may leave something, or of which nobody knows. */
  readonly waive?: readonly ManifestWaiver[];
}

export const targets = ['hvt', 'riscv64', 'sel4', 'elf'] as const;
export type Target = (typeof targets)[number];

/** What an image for seL4 is made for. */
export interface ManifestSeL4 {
  /** Path of kernel.elf; its configuration and labels lie beside it, or are named. */
  readonly kernel?: string;
  readonly genConfig?: string;
  readonly invocations?: string;
  /** Decides where the image, its heap and its devices lie. */
  readonly seed?: string;
  /** When addresses are drawn; absent: by the build. */
  readonly aslr?: 'build' | 'boot';
  /** Who starts the image: the kernel (absent), or Microkit. */
  readonly form?: 'root-task' | 'protection-domain';
}

export interface Manifest {
  readonly name: string;
  readonly target: Target;
  /** Absent: our platform layer, none for elf. */
  readonly platform?: 'casemate' | 'none';
  readonly sources?: readonly string[];
  readonly waive?: readonly ManifestWaiver[];
  readonly strict?: boolean;
  readonly validate?: boolean;
  readonly coq?: boolean;
  readonly stack?: ManifestStack;
  readonly secrets?: ManifestSecrets;
  readonly include?: readonly string[];
  readonly cflags?: readonly string[];
  readonly objects?: readonly string[];
  readonly archives?: readonly string[];
  readonly link?: ManifestLink;
  readonly devices?: readonly ManifestDevice[];
  /** MiB. */
  readonly memory?: number;
  readonly harden?: ManifestHarden;
  readonly sel4?: ManifestSeL4;
  readonly roots?: readonly string[];
}

/** A manifest as its file has it. */
interface WrittenManifest extends Omit<Manifest, 'harden'> {
  readonly harden?: Omit<ManifestHarden, 'require'> & {
    readonly require?: Required | Readonly<Partial<Record<Target, Required>>>;
  };
}

export type { At } from '../base/json.ts';

export interface ParsedManifest {
  readonly manifest: Manifest;
  /** "casemate.json:12: devices[1].name" for a JSON pointer. */
  readonly at: At;
}

/** How one manifest says it for several targets. */
const byTarget = 'say it by target, {"hvt": ["xom", "pku"], "riscv64": ["xom"]}';

function checkMeaning(manifest: Manifest, at: At): void {
  const seen = new Map<string, number>();
  for (const [i, device] of (manifest.devices ?? []).entries()) {
    const earlier = seen.get(device.name);
    if (earlier !== undefined) {
      fail('manifest', `${at(`/devices/${i}/name`)}: found "${device.name}" again; devices[${earlier}] has that name`);
    }
    seen.set(device.name, i);
  }
  if (manifest.target === 'elf') {
    for (const [key, why] of [
      ['devices', 'a plain executable has no tender to ask for devices'],
      ['memory', 'a plain executable is given its memory by its loader'],
      ['harden', 'a plain executable is protected by the kernel that loads it'],
    ] as const) {
      if (manifest[key] !== undefined) {
        fail('manifest', `${at(`/${key}`)}: ${why}; remove it or set "target" to "hvt", "riscv64" or "sel4"`);
      }
    }
    if (manifest.platform === 'casemate') {
      fail('manifest', `${at('/platform')}: there is no platform layer for the target "elf"; set it to "none"`);
    }
  }
  for (const [i, { function: name }] of (manifest.waive ?? []).entries()) {
    const where = at(`/waive/${i}/function`);
    if (!manifest.sources?.some((source) => source.endsWith('.ts')))
      fail('manifest', `${where}: there is nothing to waive without a TypeScript file in "sources"; remove it`);
    if (manifest.waive?.findIndex((waiver) => waiver.function === name) !== i)
      fail('manifest', `${where}: found ${show(name)} again; waive a function once`);
  }
  const { require = [], mode } = manifest.harden ?? {};
  if (manifest.target === 'riscv64' && require.includes('pku')) {
    const where = at(`/harden/require/${require.indexOf('pku')}`);
    fail(
      'manifest',
      `${where}: found "pku"; RISC-V has no protection keys and needs none: its text is "xom"; ${byTarget}`,
    );
  }
  if (manifest.target === 'sel4') {
    const other = require.findIndex((what) => what !== 'xom');
    if (other >= 0) {
      const where = at(`/harden/require/${other}`);
      fail(
        'manifest',
        `${where}: found "${require[other]}"; of a root task for seL4 only "xom" can be required; ${byTarget}`,
      );
    }
    if (manifest.sel4?.form === 'protection-domain' && manifest.sel4.aslr === 'boot') {
      const why = 'Microkit decides where a protection domain lies when the system is built';
      fail('manifest', `${at('/sel4/aslr')}: found "boot"; ${why}; remove it`);
    }
    if (manifest.platform === 'none')
      fail('manifest', `${at('/platform')}: a root task for seL4 is started by our platform layer; remove it`);
  }
  if ((manifest.target === 'hvt' || manifest.target === 'sel4') && mode !== undefined) {
    fail('manifest', `${at('/harden/mode')}: found "${mode}"; paging modes are bare RISC-V's to choose; remove it`);
  }
  if (manifest.target !== 'elf' && manifest.platform === 'none' && manifest.devices !== undefined) {
    const why = 'with "platform": "none" the inputs bring the notes that name devices';
    fail('manifest', `${at('/devices')}: ${why}; remove it`);
  }
  const inputs = [manifest.sources, manifest.objects, manifest.archives, manifest.link?.inputs];
  if (inputs.every((list) => list === undefined || list.length === 0)) {
    fail(
      'manifest',
      `${at('')}: nothing to build; name C or TypeScript files in "sources", or objects in "objects" or "link.inputs"`,
    );
  }
}

const isList = (require: Required | object): require is Required => Array.isArray(require);

/** What is written for a target. */
function forTarget(written: WrittenManifest, target: Target): Manifest {
  const { harden, ...rest } = written;
  if (harden === undefined) return { ...rest, target };
  const { require: wanted, ...other } = harden;
  if (wanted === undefined) return { ...rest, target, harden: other };
  return { ...rest, target, harden: { ...other, require: isList(wanted) ? wanted : (wanted[target] ?? []) } };
}

/** Parses and validates the text of a manifest; `file` is how messages name it; `target` replaces the manifest's own. */
export function parseManifest(text: string, file: string, target?: Target): ParsedManifest {
  const { value, at } = parseBySchema(text, file, { schema, accepts }, 'manifest');
  const written = value as WrittenManifest;
  const manifest = forTarget(written, target ?? written.target);
  checkMeaning(manifest, at);
  return { manifest, at };
}
