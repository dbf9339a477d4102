import { describe, expect, it } from 'vitest';
import { parseScript } from '../../../linker/script/parse.ts';
import { initPriority, orderMatches } from '../../../linker/script/sort.ts';

/** Order of `names` ("name" or "file:name") under one input section description, alignment from a trailing @N. */
function order(description: string, names: readonly string[], commandLine?: 'name' | 'alignment'): string[] {
  const script = parseScript(`SECTIONS { .o : { ${description} } }`, 'x.lds');
  const section = script.commands[0];
  if (section.kind !== 'section' || section.body[0].kind !== 'input') throw new Error('no input description');
  const input = section.body[0];
  const matches = names.map((name, index) => {
    const [path, file] = name.split(':').reverse();
    const [plain, alignment] = path.split('@');
    // Patterns of these tests are told apart by their first letter after the dot.
    const pattern = input.sections.findIndex((s) => s.pattern === '*' || s.pattern[1] === plain[1]);
    return {
      section: { name: plain, alignment: Number(alignment ?? 1) },
      file: { name: file ?? `${index}.o` },
      pattern,
    };
  });
  return orderMatches(input, matches, commandLine).map((m) => m.section.name);
}

describe('initPriority', () => {
  it('reads .init_array forward and .ctors backward', () => {
    expect(initPriority('.init_array.00101')).toBe(101);
    expect(initPriority('.ctors.65434')).toBe(101);
    expect(initPriority('.dtors.00000')).toBe(65535);
    expect(initPriority('.fini_array.65535')).toBe(65535);
  });
  it('is absent without trailing digits or beyond what fits', () => {
    for (const name of ['.init_array', '.init_array.', '.init_array.1x', '.x.99999999999', '.ctors.70000', 'x', '']) {
      expect(initPriority(name)).toBeUndefined();
    }
  });
});

describe('orderMatches', () => {
  it('keeps input order without a sort key', () => {
    expect(order('*(.a* .b*)', ['.b2', '.a9', '.b1'])).toEqual(['.b2', '.a9', '.b1']);
  });
  it('sorts by name, stable for equal names', () => {
    expect(order('*(SORT(.a*))', ['.a3', '.a1', '.a2'])).toEqual(['.a1', '.a2', '.a3']);
  });
  it('sorts by descending alignment, then by name when nested', () => {
    expect(order('*(SORT_BY_ALIGNMENT(.a*))', ['.az@4', '.aa@4', '.am@16'])).toEqual(['.am', '.az', '.aa']);
    expect(order('*(SORT_BY_ALIGNMENT(SORT_BY_NAME(.a*)))', ['.az@4', '.aa@4', '.am@16'])).toEqual([
      '.am',
      '.aa',
      '.az',
    ]);
    expect(order('*(SORT_BY_NAME(SORT_BY_ALIGNMENT(.a*)))', ['.ab@4', '.aa@4', '.ab@16'])).toEqual([
      '.aa',
      '.ab',
      '.ab',
    ]);
  });
  it('merges both namings of constructors into one sequence', () => {
    expect(
      order('KEEP(*(SORT_BY_INIT_PRIORITY(.init_array.*) SORT_BY_INIT_PRIORITY(.ctors.*)))', [
        '.init_array.00200',
        '.ctors.65434',
        '.init_array.00100',
        '.ctors.00000',
        '.init_array.10000',
      ]),
    ).toEqual(['.init_array.00100', '.ctors.65434', '.init_array.00200', '.init_array.10000', '.ctors.00000']);
  });
  it('sorts priorities as numbers and puts names without one last', () => {
    expect(order('*(SORT_BY_INIT_PRIORITY(.init_array*))', ['.init_array', '.init_array.20', '.init_array.3'])).toEqual(
      ['.init_array.3', '.init_array.20', '.init_array'],
    );
  });
  it('keeps runs of patterns with different keys apart', () => {
    expect(order('*(.b SORT(.a*))', ['.a2', '.b', '.a1', '.b'])).toEqual(['.b', '.b', '.a1', '.a2']);
  });
  it('sorts files when the file pattern is sorted', () => {
    expect(order('SORT(*)(.a*)', ['z.o:.a1', 'a.o:.a2', 'm.o:.a3'])).toEqual(['.a2', '.a3', '.a1']);
  });
  it('applies --sort-section where a pattern has no key, but not against SORT_NONE', () => {
    expect(order('*(.a*)', ['.a2', '.a1'], 'name')).toEqual(['.a1', '.a2']);
    expect(order('*(SORT_NONE(.a*))', ['.a2', '.a1'], 'name')).toEqual(['.a2', '.a1']);
    expect(order('*(SORT_BY_NAME(.a*))', ['.ab@1', '.aa@1', '.ab@8'], 'alignment')).toEqual(['.aa', '.ab', '.ab']);
  });
});
