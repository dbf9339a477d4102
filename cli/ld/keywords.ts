/**
 * The keywords of -z: ELF details of the output. As in GNU ld, an unknown one is a warning, for compilers and build
 * systems pass the newest.
 */
import { fail, printable } from '../../base/errors.ts';
import type { Draft } from './draft.ts';
import { parsePageSize, parseSize } from './values.ts';

interface Keyword {
  readonly name: string;
  /** Written NAME=VALUE. */
  readonly value?: string;
  readonly help: string;
  readonly apply: (draft: Draft, value: string, spelled: string) => void;
}

function set<K extends keyof Draft['options']>(
  name: string,
  help: string,
  option: K,
  value: Draft['options'][K],
): Keyword {
  return {
    name,
    help,
    apply: (draft) => {
      draft.options[option] = value;
    },
  };
}

function pageSize(name: string, option: 'maxPageSize' | 'commonPageSize', help: string): Keyword {
  return {
    name,
    value: 'SIZE',
    help,
    apply: (draft, value, spelled) => {
      draft.options[option] = parsePageSize(value, spelled);
    },
  };
}

export const keywords: readonly Keyword[] = [
  set('relro', 'Keep relocated data read-only after start (default)', 'relro', true),
  set('norelro', 'Do not', 'relro', false),
  set('noexecstack', 'Say that the stack is not executable (default)', 'executableStack', false),
  set('execstack', 'Say that the stack is executable', 'executableStack', true),
  pageSize('max-page-size', 'maxPageSize', 'Align segments to SIZE'),
  pageSize('common-page-size', 'commonPageSize', 'Page size that RELRO ends at'),
  {
    name: 'stack-size',
    value: 'SIZE',
    help: 'Write SIZE into PT_GNU_STACK',
    apply: (draft, value, spelled) => {
      draft.options.stackSize = parseSize(value, spelled);
    },
  },
  set('pack-relative-relocs', 'Pack relative relocations of a PIE as RELR', 'packRelativeRelocs', true),
  set('nopack-relative-relocs', 'Do not (default)', 'packRelativeRelocs', false),
  set('defs', 'Fail for undefined symbols (default)', 'undefinedPolicy', 'error'),
  set('undefs', 'Ignore undefined symbols', 'undefinedPolicy', 'ignore'),
  set('muldefs', 'Take the first of several definitions', 'allowMultipleDefinition', true),
];

const dynamicOnly = 'speaks to a dynamic loader, which a static program has not';
const noPlt = 'there are no lazily bound calls in a static program';
const alwaysSeparate = 'the built-in layout never shares a page between code and data; a script decides for itself';
const textRelocations = 'relocations in read-only segments are always refused';

/** Accepted without effect: keyword and reason. */
export const ignoredKeywords: Readonly<Record<string, string>> = {
  now: noPlt,
  lazy: noPlt,
  ibtplt: noPlt,
  text: textRelocations,
  notext: textRelocations,
  textoff: textRelocations,
  'separate-code': alwaysSeparate,
  'noseparate-code': alwaysSeparate,
  'separate-loadable-segments': alwaysSeparate,
  combreloc: 'relative relocations are always sorted',
  nocombreloc: 'relative relocations are always sorted',
  'start-stop-gc': '__start_ and __stop_ references always keep their sections',
  'nostart-stop-gc': '__start_ and __stop_ references always keep their sections',
  'unique-symbol': 'local names may repeat in ELF',
  'nounique-symbol': 'local names may repeat in ELF',
  common: 'common symbols become objects',
  nocommon: 'common symbols become objects',
  'keep-text-section-prefix': 'a script decides',
  'nokeep-text-section-prefix': 'a script decides',
  rodynamic: dynamicOnly,
  copyreloc: dynamicOnly,
  nocopyreloc: dynamicOnly,
  defaultlib: dynamicOnly,
  nodefaultlib: dynamicOnly,
  delete: dynamicOnly,
  nodelete: dynamicOnly,
  dlopen: dynamicOnly,
  nodlopen: dynamicOnly,
  nodump: dynamicOnly,
  origin: dynamicOnly,
  global: dynamicOnly,
  globalaudit: dynamicOnly,
  initfirst: dynamicOnly,
  interpose: dynamicOnly,
  loadfltr: dynamicOnly,
  unique: dynamicOnly,
  nounique: dynamicOnly,
  'extern-protected-data': dynamicOnly,
  'noextern-protected-data': dynamicOnly,
  'indirect-extern-access': dynamicOnly,
  'noindirect-extern-access': dynamicOnly,
  'dynamic-undefined-weak': dynamicOnly,
  'nodynamic-undefined-weak': dynamicOnly,
  'report-relative-reloc': 'relative relocations are not listed',
};

/** Keywords with values that are accepted without effect. */
export const ignoredValueKeywords: Readonly<Record<string, string>> = {
  'start-stop-visibility': 'a static program exports nothing',
  'call-nop': 'calls are padded as the psABI says',
  'cet-report': 'nothing is reported',
  'lam-report': 'nothing is reported',
  'lam-u48-report': 'nothing is reported',
  'lam-u57-report': 'nothing is reported',
};

/** Applies the argument of -z. */
export function applyKeyword(draft: Draft, argument: string): void {
  const equals = argument.indexOf('=');
  const name = equals < 0 ? argument : argument.slice(0, equals);
  const spelled = `-z ${printable(name, 60)}`;
  const keyword = keywords.find((known) => known.name === name);
  if (keyword !== undefined) {
    if ((keyword.value === undefined) !== equals < 0) {
      fail(
        'usage',
        `-z ${printable(argument, 60)}: write -z ${name}${keyword.value === undefined ? '' : `=${keyword.value}`}`,
      );
    }
    keyword.apply(draft, argument.slice(equals + 1), spelled);
    return;
  }
  const ignored = equals < 0 ? ignoredKeywords : ignoredValueKeywords;
  if (!Object.hasOwn(ignored, name)) draft.warnings.push(`${spelled} is not known and has no effect`);
}
