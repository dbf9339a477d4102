/**
 * The flags of GNU ld that change what casemate-ld does. Those that it accepts without effect, and those that it
 * refuses, are in other-flags.ts; the keywords of -z in keywords.ts.
 *
 * The table is the single place for a flag's spelling, its help line and its effect, so that --help cannot lie.
 * Source: GNU ld manual, section 2.1 "Command-line Options".
 */
import { fail, printable } from '../../base/errors.ts';
import { parseWish } from '../../hardening/wipe/wish.ts';
import type { Machine } from '../../linker/program.ts';
import type { BuildIdStyle } from '../../linker/request.ts';
import { parseExpression } from '../../linker/script/parse.ts';
import type { Draft, Flag } from './draft.ts';
import { applyKeyword } from './keywords.ts';
import { parseAddress, parseChoice } from './values.ts';

const emulations: Record<string, Machine> = {
  elf_x86_64: 'x86-64',
  elf64lriscv: 'riscv64',
  elf64lriscv_lp64: 'riscv64',
  elf64lriscv_lp64f: 'riscv64',
  aarch64linux: 'aarch64',
  aarch64elf: 'aarch64',
};

/** A flag that sets one option to one value. */
function set<K extends keyof Draft['options']>(
  names: string,
  help: string,
  option: K,
  value: Draft['options'][K],
  letters?: string,
): Flag {
  return {
    names: names.split(' ').filter((name) => name !== ''),
    ...(letters !== undefined && { letters }),
    help,
    apply: (draft) => {
      draft.options[option] = value;
    },
  };
}

function wipe(draft: Draft, text: string, spelled: string): void {
  parseWish(text, spelled, 'usage');
  draft.wipes.push(text);
}

function parseBuildId(style: string, spelled: string): BuildIdStyle {
  if (/^0x/i.test(style)) {
    // GNU ld allows dashes and colons between the digits.
    const digits = style.slice(2).replace(/[-:]/g, '');
    if (!/^([0-9a-f]{2}){1,64}$/i.test(digits)) {
      fail('usage', `${spelled}: '${printable(style, 60)}' is not an even number of hexadecimal digits, at most 128`);
    }
    return { kind: 'bytes', bytes: Uint8Array.from(Buffer.from(digits, 'hex')) };
  }
  const known = parseChoice(style, ['none', 'md5', 'sha1', 'sha256', 'tree', 'fast', 'uuid'], spelled);
  if (known === 'none') return { kind: 'none' };
  // Same inputs must give the same id, so a random one is answered with a hash.
  const other = known === 'tree' || known === 'fast' ? 'fast' : 'sha1';
  return { kind: 'hash', algorithm: known === 'md5' || known === 'sha256' ? known : other };
}

function defineSymbol(draft: Draft, text: string, spelled: string): void {
  const equals = text.indexOf('=');
  const name = text.slice(0, Math.max(equals, 0)).trim();
  if (name === '') fail('usage', `${spelled}: '${printable(text, 60)}' is not NAME=EXPRESSION`);
  draft.defsym.push({ name, value: parseExpression(text.slice(equals + 1), '--defsym') });
  draft.defsymTexts.push(text);
}

function startSection(draft: Draft, text: string, spelled: string): void {
  const equals = text.lastIndexOf('=');
  if (equals <= 0) fail('usage', `${spelled}: '${printable(text, 60)}' is not SECTION=ADDRESS`);
  draft.sectionStart.set(text.slice(0, equals), parseAddress(text.slice(equals + 1), spelled));
}

function startOf(name: string, section: string): Flag {
  return {
    names: [name],
    argument: 'value',
    metavar: 'ADDRESS',
    help: `Put ${section} at a hexadecimal address`,
    apply: (draft, value, spelled) => void draft.sectionStart.set(section, parseAddress(value, spelled)),
  };
}

function value(names: string, metavar: string, help: string, apply: Flag['apply'], letters?: string): Flag {
  return {
    names: names.split(' ').filter((name) => name !== ''),
    ...(letters !== undefined && { letters }),
    argument: 'value',
    metavar,
    help,
    apply,
  };
}

function plain(names: string, help: string, apply: Flag['apply'], letters?: string): Flag {
  return {
    names: names.split(' ').filter((name) => name !== ''),
    ...(letters !== undefined && { letters }),
    help,
    apply,
  };
}

/** Flags by topic, in the order of the help text. */
export const flags: readonly { readonly topic: string; readonly flags: readonly Flag[] }[] = [
  {
    topic: 'Inputs',
    flags: [
      value(
        'library',
        'NAME',
        'Link libNAME.a from the search path; :FILE for a file of that name',
        (draft, name) => {
          draft.inputs.push({ kind: 'library', name, ...draft.state });
        },
        'l',
      ),
      value(
        'library-path',
        'DIR',
        'Search DIR for libraries and scripts',
        (draft, dir) => {
          draft.libraryDirs.push(dir);
        },
        'L',
      ),
      value(
        'script',
        'FILE',
        'Lay out by the linker script FILE',
        (draft, name) => {
          draft.inputs.push({ kind: 'script', name });
        },
        'T',
      ),
      value('default-script dT', 'FILE', 'As -T, unless another script has SECTIONS', (draft, name) => {
        draft.defaultScript = name;
      }),
      plain('whole-archive', 'Link every member of the archives that follow', (draft) => {
        draft.state = { ...draft.state, whole: true };
      }),
      plain('no-whole-archive', 'Link only needed members of the archives that follow', (draft) => {
        draft.state = { ...draft.state, whole: false };
      }),
      plain('push-state', 'Save the state of the flags above', (draft) => {
        if (draft.saved.length >= 1000) fail('usage', '--push-state: more than 1000 saved states');
        draft.saved.push(draft.state);
      }),
      plain('pop-state', 'Restore the saved state', (draft) => {
        const state = draft.saved.pop();
        if (state === undefined) fail('usage', '--pop-state: no --push-state comes before it');
        draft.state = state;
      }),
      plain(
        'start-group',
        'Start a group of archives (needless: archives are always searched again)',
        (draft) => {
          draft.openGroups++;
        },
        '(',
      ),
      plain(
        'end-group',
        'End a group',
        (draft, _value, spelled) => {
          if (draft.openGroups === 0) fail('usage', `${spelled}: no --start-group comes before it`);
          draft.openGroups--;
        },
        ')',
      ),
      value('sysroot', 'DIR', 'What a leading = or $SYSROOT of a path stands for', (draft, dir) => {
        draft.sysroot = dir;
      }),
      plain('nostdlib', 'Search only the folders of -L and of scripts', (draft) => {
        draft.noStandardDirs = true;
      }),
    ],
  },
  {
    topic: 'Output',
    flags: [
      value(
        'output',
        'FILE',
        'Write the program to FILE (default a.out)',
        (draft, file) => {
          draft.output = file;
        },
        'o',
      ),
      value(
        '',
        'EMULATION',
        `Machine: ${Object.keys(emulations).slice(0, 2).join(' or ')}`,
        (draft, name, spelled) => {
          const machine = Object.hasOwn(emulations, name) ? emulations[name] : undefined;
          if (machine === undefined) {
            fail('usage', `${spelled} ${printable(name, 60)}: casemate links ${Object.keys(emulations).join(', ')}`);
          }
          draft.options.machine = machine;
        },
        'm',
      ),
      set('pie pic-executable static-pie', 'Make a static position-independent executable', 'pie', true),
      set('no-pie nopie', 'Make an executable for fixed addresses (default)', 'pie', false),
      value(
        'entry',
        'ADDRESS',
        'Start at this symbol or address (default _start)',
        (draft, symbol) => {
          draft.options.entry = symbol;
        },
        'e',
      ),
      {
        names: ['build-id'],
        argument: 'optional',
        metavar: 'STYLE',
        help: 'Write a build id: fast (default), sha1, sha256, md5, 0xHEX or none',
        apply: (draft, style, spelled) => {
          draft.options.buildId = parseBuildId(style === '' ? 'fast' : style, spelled);
        },
      },
      value(
        'Map',
        'FILE',
        'Write a map to FILE, to FILE/OUTPUT.map when it is a folder, or to - for stdout',
        (draft, file) => {
          draft.mapPath = file;
        },
      ),
      plain(
        'print-map',
        'Write the map to standard output',
        (draft) => {
          draft.mapPath = '-';
        },
        'M',
      ),
      value('dependency-file', 'FILE', 'Write a make rule with the files that were read', (draft, file) => {
        draft.dependencyFile = file;
      }),
      value('record', 'FILE', 'Write this link down as a manifest for casemate build', (draft, file) => {
        draft.record = file;
      }),
      set('emit-relocs', 'Keep relocations in the output', 'emitRelocs', true, 'q'),
      set('strip-all', 'Leave out all symbols', 'strip', 'all', 's'),
      plain(
        'strip-debug',
        'Leave out debug sections',
        (draft) => {
          if (draft.options.strip === 'none') draft.options.strip = 'debug';
        },
        'S',
      ),
      set('discard-all', 'Leave out all local symbols', 'discardLocals', 'all', 'x'),
      set('discard-locals', 'Leave out local symbols named .L*', 'discardLocals', 'temporary', 'X'),
      set('discard-none', 'Keep all local symbols', 'discardLocals', 'none'),
      set('eh-frame-hdr', 'Write .eh_frame_hdr, which unwinding needs', 'ehFrameHeader', true),
      set('no-eh-frame-hdr', 'Write no .eh_frame_hdr (default)', 'ehFrameHeader', false),
      value('pack-dyn-relocs', 'STYLE', 'relr: pack relative relocations of a PIE; none', (draft, style, spelled) => {
        const chosen = parseChoice(style, ['none', 'relr', 'android', 'android+relr'], spelled);
        if (chosen.startsWith('android')) fail('usage', `${spelled}=${chosen}: only relr and none are known here`);
        draft.options.packRelativeRelocs = chosen === 'relr';
      }),
    ],
  },
  {
    topic: 'Symbols',
    flags: [
      value('defsym', 'NAME=EXPR', 'Define a symbol', defineSymbol),
      value(
        'undefined',
        'SYMBOL',
        'Link what defines SYMBOL, and keep it',
        (draft, symbol) => {
          draft.undefinedSymbols.push(symbol);
        },
        'u',
      ),
      value('require-defined', 'SYMBOL', 'As -u, and fail when nothing defines it', (draft, symbol) => {
        draft.requiredSymbols.push(symbol);
      }),
      value('wrap', 'SYMBOL', 'Turn references to SYMBOL into __wrap_SYMBOL', (draft, symbol) => {
        draft.wrap.push(symbol);
      }),
      value(
        'wipe',
        'FUNCTION',
        'Clear the stack and registers after each call; FUNCTION:BYTES declares its stack',
        wipe,
      ),
      value('unresolved-symbols', 'METHOD', 'report-all (default) or ignore-all', (draft, method, spelled) => {
        const choices = ['report-all', 'ignore-all', 'ignore-in-object-files', 'ignore-in-shared-libs'] as const;
        const chosen = parseChoice(method, choices, spelled);
        draft.options.undefinedPolicy =
          chosen === 'ignore-all' || chosen === 'ignore-in-object-files' ? 'ignore' : 'error';
      }),
      set('warn-unresolved-symbols', 'Warn of undefined symbols instead of failing', 'undefinedPolicy', 'warn'),
      set('error-unresolved-symbols no-undefined', 'Fail for undefined symbols (default)', 'undefinedPolicy', 'error'),
      set('allow-multiple-definition', 'Take the first of several definitions', 'allowMultipleDefinition', true),
    ],
  },
  {
    topic: 'Sections and layout',
    flags: [
      set('gc-sections', 'Leave out sections that nothing needs', 'gcSections', true),
      set('no-gc-sections', 'Keep all sections (default)', 'gcSections', false),
      set('print-gc-sections', 'Say which sections were left out', 'printGcSections', true),
      set('no-print-gc-sections', 'Do not say it (default)', 'printGcSections', false),
      set('relax', 'Shorten instruction sequences (default)', 'relax', true),
      set('no-relax', 'Leave instructions as they are', 'relax', false),
      value('section-start', 'SECTION=ADDRESS', 'Put an output section at a hexadecimal address', startSection),
      startOf('Ttext', '.text'),
      startOf('Tdata', '.data'),
      startOf('Tbss', '.bss'),
      value(
        'image-base Ttext-segment',
        'ADDRESS',
        'Put the whole program at a hexadecimal address',
        (draft, address, spelled) => {
          draft.options.imageBase = parseAddress(address, spelled);
        },
      ),
      {
        names: ['sort-common'],
        argument: 'optional',
        metavar: 'ORDER',
        help: 'Place common symbols by alignment',
        apply: (draft, order, spelled) => {
          if (order !== '') parseChoice(order, ['ascending', 'descending'], spelled);
          draft.options.sortCommon = true;
        },
      },
      value(
        'sort-section',
        'KEY',
        'Sort input sections by name or alignment where a script does not',
        (draft, key, spelled) => {
          draft.options.sortSection = parseChoice(key, ['name', 'alignment'], spelled);
        },
      ),
      value(
        'orphan-handling',
        'MODE',
        'Sections that the script does not name: place, warn, error or discard',
        (draft, mode, spelled) => {
          draft.options.orphanHandling = parseChoice(mode, ['place', 'warn', 'error', 'discard'], spelled);
        },
      ),
      value('', 'KEYWORD', 'ELF details, below', applyKeyword, 'z'),
    ],
  },
  {
    topic: 'Messages',
    flags: [
      plain('help', 'Print this text', (draft) => {
        draft.action = 'help';
      }),
      plain('version', 'Print the version', (draft) => {
        draft.action = 'version';
      }),
      plain('print-sysroot', 'Print the sysroot', (draft) => {
        draft.action = 'sysroot';
      }),
      plain('print-output-format', 'Print the format of the output', (draft) => {
        draft.action = 'output-format';
      }),
      plain(
        '',
        'Print the version, then link',
        (draft) => {
          draft.printVersion = true;
        },
        'vV',
      ),
      {
        names: ['verbose'],
        argument: 'optional',
        metavar: 'LEVEL',
        help: 'Print the version and the inputs, then link',
        apply: (draft) => {
          draft.printVersion = true;
          draft.trace = true;
        },
      },
      plain(
        'trace',
        'Print the inputs',
        (draft) => {
          draft.trace = true;
        },
        't',
      ),
      set('warn-common', 'Warn of common symbols that are defined twice', 'warnCommon', true),
      set('fatal-warnings', 'Fail when there are warnings', 'fatalWarnings', true),
      set('no-fatal-warnings', 'Do not (default)', 'fatalWarnings', false),
      plain(
        'no-warnings',
        'Print no warnings',
        (draft) => {
          draft.quiet = true;
        },
        'w',
      ),
    ],
  },
];
