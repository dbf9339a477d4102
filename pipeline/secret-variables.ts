/**
 * Variables of an image that hold secrets, and are set to zeros before its program ends: those that records name
 * (base/secrets.ts), and those that casemate.json does.
 *
 * The platform layer clears what a table says (targets/platform/layer/forget.c); the table is an object of the build's
 * own, whose addresses are relocations like all others, so that it follows the variables wherever an image is moved. Static
 * variables get another name for it (linker/expose.ts). What records name is read from a link without the table: what
 * the link has left out is not needed, and needs no wiping.
 */
import { fail, printable } from '../base/errors.ts';
import { recordsOf } from '../hardening/wipe/from-records.ts';
import { SHF_ALLOC, SHF_WRITE, STT_NOTYPE, STT_OBJECT } from '../linker/elf.ts';
import type { Exposure } from '../linker/expose.ts';
import type { LinkedImage } from '../linker/image.ts';
import type { Machine } from '../linker/program.ts';
import { type NewRelocation, writeRelocatable } from '../linker/relocatable.ts';
import type { LinkRequest } from '../linker/request.ts';
import type { At, Manifest } from './manifest.ts';

export interface SecretVariable {
  readonly symbol: string;
  readonly bytes: number;
}

/** The object's name in messages and maps. */
const VARIABLES_OBJECT = 'casemate/secret-variables.o';

/** As the layer's secrets.c has them. */
const TABLE = 'layer_secret_variables';
const COUNT = 'layer_secret_variable_count';

/** R_X86_64_64, R_RISCV_64 and R_AARCH64_ABS64. Sources: the psABIs. */
const pointerType: Readonly<Record<Machine, number>> = { 'x86-64': 1, riscv64: 2, aarch64: 257 };

/** Each variable once, with the most bytes that anybody says of it; in the order of names. */
function merged(variables: readonly SecretVariable[]): SecretVariable[] {
  const most = new Map<string, number>();
  for (const { symbol, bytes } of variables) most.set(symbol, Math.max(bytes, most.get(symbol) ?? 0));
  return [...most].map(([symbol, bytes]) => ({ symbol, bytes })).sort((a, b) => (a.symbol < b.symbol ? -1 : 1));
}

/** What records and casemate.json say of an image. Errors: 'undecided' for a record that cannot be read. */
export function secretVariables(image: LinkedImage, { secrets }: Manifest): SecretVariable[] {
  const recorded = recordsOf(image).flatMap(({ items, origin }) =>
    items.flatMap((item) =>
      item.kind === 'secret symbol' && (item.address !== 0n || origin === 'manifest')
        ? [{ symbol: item.symbol, bytes: item.bytes }]
        : [],
    ),
  );
  return merged([...recorded, ...(secrets?.variables ?? [])]);
}

/** Errors: 'manifest' for variables that nothing would wipe. */
export function requireWiper({ secrets, target, platform }: Manifest, at: At): void {
  if (secrets?.variables === undefined) return;
  const where = at('/secrets/variables');
  if (secrets.wipe !== true) fail('manifest', `${where}: nothing is wiped without "wipe": true; add it`);
  if (target === 'elf' || platform === 'none')
    fail('manifest', `${where}: the platform layer wipes them, and this image has none; remove it`);
}

const aliasOf = (i: number): string => `__casemate_secret_variable_${i}`;

/** The table as an object; `flags`: e_flags of the image. */
function tableObject(variables: readonly SecretVariable[], image: LinkedImage): Uint8Array {
  const bytes = Buffer.alloc(16 * variables.length);
  const relocations: NewRelocation[] = variables.map((_, i) => ({
    ...{ offset: 16 * i, type: pointerType[image.machine], symbol: aliasOf(i), addend: 0 },
  }));
  for (const [i, variable] of variables.entries()) bytes.writeBigUInt64LE(BigInt(variable.bytes), 16 * i + 8);
  const count = Buffer.alloc(8);
  count.writeBigUInt64LE(BigInt(variables.length));
  const symbol = (name: string, section: number, size: number) => ({
    ...{ name, isLocal: false, isHidden: true, type: STT_OBJECT, section, value: 0, size },
  });
  return writeRelocatable({
    machine: image.machine,
    flags: image.machine === 'x86-64' ? 0 : image.flags,
    sections: [
      {
        ...{ name: '.data.rel.ro.casemate.secrets', bytes, size: bytes.length, flags: SHF_ALLOC | SHF_WRITE },
        ...{ align: 8, relocations },
      },
      { name: '.rodata.casemate.secrets', bytes: count, size: 8, flags: SHF_ALLOC, align: 8, relocations: [] },
    ],
    symbols: [
      symbol(TABLE, 0, bytes.length),
      symbol(COUNT, 1, 8),
      ...variables.map((_, i) => ({
        ...{ name: aliasOf(i), isLocal: false, isHidden: true, type: STT_NOTYPE, value: 0, size: 0 },
      })),
    ],
  });
}

/** The request with the table; `image`: what it links to without. No variables: nothing changes. */
export function withVariableTable(
  request: LinkRequest,
  variables: readonly SecretVariable[],
  image: LinkedImage,
): LinkRequest {
  if (variables.length === 0) return request;
  const taken = request.files.find(({ name }) => name === VARIABLES_OBJECT);
  if (taken !== undefined)
    fail('manifest', `${printable(VARIABLES_OBJECT)}: an input is called as the build's own table is; rename it`);
  const exposures: Exposure[] = variables.map(({ symbol, bytes }, i) => ({ variable: symbol, as: aliasOf(i), bytes }));
  // Inputs are led to other names where they lie, so each link has its own.
  const { arena: _, ...rest } = request;
  const file = { name: VARIABLES_OBJECT, bytes: tableObject(variables, image) };
  return { ...rest, files: [...request.files, file], options: { ...request.options, exposures } };
}
