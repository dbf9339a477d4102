/**
 * Flags of GNU ld, lld and mold that casemate-ld accepts without effect, each with the reason, and those that it
 * refuses, each with what to do instead.
 *
 * A drop-in must not fail for a hint it has no use for; but a flag whose loss would change what the program does is
 * refused by name. Between the two, a flag whose loss a user should know of is accepted with a warning.
 */
import { fail, printable } from '../../base/errors.ts';
import type { Flag } from './draft.ts';
import { isOutputFormat } from './formats.ts';

/** Names as `name`, `name=` (takes a value), `name[=]` (may take one), `-x` (a letter), `-x=` (a letter with a value). */
type Names = string;

const dynamicOnly = 'speaks of shared libraries or a dynamic loader, and a static program has neither';
const staticAnyway = 'libraries are always linked statically';
const noDynamicSymbols = 'a static program has no dynamic symbols';
const noPlugins = 'the linker runs no plugins; objects that need one (LTO bitcode) are refused by name';
const memory = "asks for a trade of GNU ld's own memory and time";
const messages = 'changes messages only';
const oneWay = 'what it asks for, or asks not to do, is how it is always done';

/** Accepted without effect, with the reason. */
export const ignored: readonly (readonly [reason: string, names: Names])[] = [
  [
    noPlugins,
    'plugin= plugin-opt= plugin-save-temps flto[=] flto-partition= flto-jobs= fuse-ld= lto-O0 lto-O1 lto-O2 lto-O3',
  ],
  [
    staticAnyway,
    'Bstatic dn non_shared static Bdynamic dy call_shared as-needed no-as-needed add-needed no-add-needed',
  ],
  [staticAnyway, 'copy-dt-needed-entries no-copy-dt-needed-entries'],
  [
    dynamicOnly,
    'hash-style= rpath= rpath-link= soname= -h= init= fini= audit= depaudit= -P= auxiliary= -f= filter= -F=',
  ],
  [
    dynamicOnly,
    'enable-new-dtags disable-new-dtags spare-dynamic-tags= ld-generated-unwind-info no-ld-generated-unwind-info',
  ],
  [dynamicOnly, 'allow-shlib-undefined no-allow-shlib-undefined Bsymbolic Bsymbolic-functions Bno-symbolic Bgroup'],
  [dynamicOnly, 'Bsymbolic-non-weak Bsymbolic-non-weak-functions out-implib= -Y= -a='],
  [noDynamicSymbols, 'export-dynamic -E no-export-dynamic export-dynamic-symbol= export-dynamic-symbol-list='],
  [noDynamicSymbols, 'dynamic-list= dynamic-list-data dynamic-list-cpp-new dynamic-list-cpp-typeinfo gc-keep-exported'],
  [noDynamicSymbols, 'no-gc-keep-exported version-script= version-exports-section= exclude-libs= default-symver'],
  [noDynamicSymbols, 'default-imported-symver undefined-version no-undefined-version'],
  [memory, 'no-keep-memory reduce-memory-overheads hash-size= max-cache-size= no-mmap-output-file mmap-output-file'],
  [memory, 'threads[=] no-threads thread-count= map-whole-files no-map-whole-files'],
  [messages, 'demangle[=] no-demangle color-diagnostics[=] no-color-diagnostics cref no-cref stats no-stats'],
  [
    messages,
    'warn-constructors warn-multiple-gp warn-once warn-section-align warn-textrel warn-alternate-em warn-execstack',
  ],
  [messages, 'no-warn-execstack warn-rwx-segments no-warn-rwx-segments no-warn-mismatch no-warn-search-mismatch'],
  [messages, 'warn-execstack-objects error-execstack no-error-execstack error-rwx-segments no-error-rwx-segments'],
  [
    messages,
    'warn-shared-textrel warn-backrefs no-warn-backrefs warn-symbol-ordering no-warn-symbol-ordering warn-symbol',
  ],
  [messages, 'print-map-discarded no-print-map-discarded print-map-locals no-print-map-locals print-memory-usage'],
  [messages, 'trace-symbol= -y= error-handling-script= error-limit= no-print-icf-sections target-help'],
  [
    oneWay,
    'check-sections no-check-sections accept-unknown-input-arch no-accept-unknown-input-arch EL force-exe-suffix',
  ],
  [oneWay, 'no-omagic define-common no-define-common -d dc dp noinhibit-exec strip-discarded no-strip-discarded'],
  [oneWay, 'traditional-format force-group-allocation -g Qy qmagic rosegment no-rosegment'],
  [oneWay, 'disable-multiple-abs-defs no-enable-non-contiguous-regions embedded-relocs'],
  ['optimizes nothing but hash tables and string tables, which are kept small anyway', '-O[=] optimize'],
  ['segments stay page-aligned, which wastes file space and nothing else', 'nmagic -n'],
  ['debug sections stay uncompressed', 'compress-debug-sections= no-compress-debug-sections'],
  [oneWay, 'no-fix-cortex-a53-843419 no-fix-cortex-a53-835769 no-enum-size-warning no-wchar-size-warning'],
  ['the inputs say what machine they are for', '-A= architecture= -G= gpsize='],
  ['no type information is written', 'ctf-variables no-ctf-variables ctf-share-types='],
];

/** Accepted with a warning, since something that was asked for is missing in the output. */
export const warned: readonly (readonly [consequence: string, names: Names])[] = [
  ['text stays read-only', 'omagic -N'],
  [
    'code stays as it was compiled, and may go wrong on a Cortex-A53 with that erratum',
    'fix-cortex-a53-843419[=] fix-cortex-a53-835769',
  ],
  ['the note is not written', 'package-metadata[=]'],
  ['sections of one name are joined as the layout says', 'unique[=] split-by-file[=] split-by-reloc[=]'],
  ['identical functions are kept apart', 'icf= ignore-data-address-equality print-icf-sections'],
];

const separate = 'casemate makes static programs; leave this flag out';

/** Refused, with what to do instead. */
export const refused: readonly (readonly [advice: string, names: Names])[] = [
  ['casemate makes static programs, no shared libraries', 'shared Bshareable'],
  ['casemate makes final programs only; give the objects to the last link instead', 'relocatable -r -i Ur'],
  [`${separate}, or give the object itself`, 'just-symbols= -R='],
  ['inputs are ELF objects and archives; wrap binary data with objcopy or .incbin', 'format= -b='],
  ['MRI scripts are not read; write a linker script', 'mri-script= -c='],
  ['casemate links little-endian machines only', 'EB'],
  ['remove the symbols with objcopy after the link', 'retain-symbols-file='],
  [
    'name the memory regions so that each section fits one',
    'enable-non-contiguous-regions enable-non-contiguous-regions-warnings',
  ],
  ['this kind of ignoring is not known; use --unresolved-symbols', 'ignore-unresolved-symbol='],
  ['place the segment with a linker script', 'Trodata-segment= Tldata-segment='],
  ['give the objects as an archive', 'start-lib end-lib'],
  ['it is not supported', 'task-link='],
];

/** Reads the notation of `Names`. */
function flagOf(notation: string, apply: Flag['apply']): Flag {
  const argument = notation.endsWith('[=]') ? 'optional' : notation.endsWith('=') ? 'value' : undefined;
  const name = notation.replace(/\[?=\]?$/, '');
  const letter = /^-.$/.test(name);
  return {
    names: letter ? [] : [name.replace(/^-/, '')],
    ...(letter && { letters: name[1] }),
    ...(argument !== undefined && { argument }),
    apply,
  };
}

function expand(table: readonly (readonly [string, Names])[], effect: (text: string) => Flag['apply']): Flag[] {
  return table.flatMap(([text, names]) => names.split(' ').map((notation) => flagOf(notation, effect(text))));
}

/** Every flag of the tables above. */
export const otherFlags: readonly Flag[] = [
  ...expand(ignored, () => () => {}),
  ...expand(warned, (consequence) => (draft, _value, spelled) => {
    draft.warnings.push(`${spelled} has no effect: ${consequence}`);
  }),
  ...expand(refused, (advice) => (_draft, value, spelled) => {
    fail('usage', `${spelled}${value === '' ? '' : ` ${printable(value, 60)}`}: ${advice}`);
  }),
  {
    names: ['dynamic-linker'],
    letters: 'I',
    argument: 'value',
    apply: (draft, value) => {
      draft.dynamicLinker = value;
    },
  },
  {
    names: ['no-dynamic-linker'],
    apply: (draft) => {
      draft.dynamicLinker = undefined;
    },
  },
  {
    names: ['oformat'],
    argument: 'value',
    apply: (_draft, value, spelled) => {
      if (!isOutputFormat(value)) {
        fail('usage', `${spelled} ${printable(value, 60)}: casemate-ld writes ELF; convert its output with objcopy -O`);
      }
    },
  },
];
