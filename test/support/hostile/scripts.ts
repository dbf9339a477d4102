import { type CaseOptions, createCollector, type HostileCase, object } from './case.ts';

const { cases, addFiles } = createCollector();
const member = object();

// Scripts.
function addScript(
  name: string,
  script: string,
  expected: HostileCase['expected'] = 'refused',
  more: CaseOptions = {},
): void {
  addFiles(name, { 'victim.ld': Buffer.from(script, 'latin1'), 'good.o': member }, expected, {
    args: ['good.o', '-T', 'victim.ld'],
    ...more,
  });
}
const sections = (body: string): string => `SECTIONS { ${body} .text : { *(.text*) } }`;
addScript('a script that includes itself', 'INCLUDE victim.ld');
addScript('a script of 100,000 open parentheses', sections(`x = ${'('.repeat(100_000)}1${')'.repeat(100_000)};`));
addScript('a script of 100,000 minus signs', sections(`x = ${'- '.repeat(100_000)}1;`), 'any');
addScript(
  'a script of 100,000 conditionals',
  sections(`x = ${'1 ? '.repeat(100_000)}1${' : 1'.repeat(100_000)};`),
  'any',
);
addScript('a script of 100,000 additions', sections(`x = ${'1 + '.repeat(100_000)}1;`), 'any');
addScript('a comment without an end', `${sections('')} /* `);
addScript('a quoted name without an end', `${sections('')} ENTRY("`);
addScript('a division by zero', sections('x = 1 / 0;'), 'refused', { says: /victim\.ld/ });
addScript('a remainder by zero', sections('x = 1 % 0;'));
addScript('the least number divided by -1', sections('x = (1 << 63) / -1; y = (1 << 63) % -1;'), 'any');
addScript('a shift by 2^63', sections('x = 1 << (1 << 63); y = 1 >> -1;'), 'any');
addScript('an alignment to 3', sections('. = ALIGN(3);'), 'any');
addScript('an alignment to 2^63', sections('. = 1; . = ALIGN(1 << 63);'), 'any');
addScript('a failing assertion', `${sections('')} ASSERT(0, "the reason")`, 'refused', { says: /the reason/ });
addScript('an assertion message with control characters', `${sections('')} ASSERT(0, "red \x1b[31m")`);
addScript('symbols that define each other', sections('a = b; b = a;'), 'any');
addScript('a location counter that moves back', 'SECTIONS { .text : { *(.text*) . = 0; } }');
addScript('a location counter of 2^63', sections('. = 1 << 63;'), 'any');
addScript('a location counter at the end of memory', sections('. = 0xffffffffffffffff;'), 'any');
addScript('a section of 2^45 bytes by assignment', 'SECTIONS { .text : { *(.text*) . += 1 << 45; } }');
addScript('a section of 2^33 bytes by assignment', 'SECTIONS { .text : { *(.text*) . += 1 << 33; } }');
addScript('two sections at one address', 'SECTIONS { .text 0x10000 : { *(.text*) } .data 0x10000 : { QUAD(1) } }');
addScript(
  'a file of 2^50 bytes by load offsets',
  'SECTIONS { .text 0x1000 : { *(.text*) } .data 0x4000000000000 : { QUAD(1) } }',
  'any',
);
addScript('a region that is too small', 'MEMORY { r : ORIGIN = 0, LENGTH = 8 } SECTIONS { .text : { *(.text*) } > r }');
addScript(
  'a region of negative length',
  'MEMORY { r : ORIGIN = 0, LENGTH = -1 } SECTIONS { .text : { *(.text*) } > r }',
  'any',
);
addScript('a region that does not exist', 'SECTIONS { .text : { *(.text*) } > nowhere }');
addScript('a segment that does not exist', 'PHDRS { t PT_LOAD; } SECTIONS { .text : { *(.text*) } :nowhere }');
addScript(
  'a hundred thousand segments',
  `PHDRS { ${Array.from({ length: 100_000 }, (_, i) => `p${i} PT_LOAD;`).join(' ')} } ${sections('')}`,
);
addScript(
  'headers in a segment without room for them',
  'PHDRS { t PT_LOAD FILEHDR PHDRS; } SECTIONS { . = 0; .text : { *(.text*) } :t }',
  'any',
);
addScript('an unknown function', sections('x = SIZE_OF_NOTHING(.text);'));
addScript('an undefined symbol in an expression', sections('x = nothing_defines_this + 1;'));
addScript('a section pattern of 10,000 stars', `SECTIONS { .text : { *(${'*a'.repeat(10_000)}) *(.text*) } }`, 'any');
addScript(
  'a backtracking pattern',
  `SECTIONS { .text : { ${'*'.repeat(50)}x(${'.*t*e*x*t*'.repeat(20)}z) *(.text*) } }`,
  'any',
);
addScript('everything is discarded', 'SECTIONS { /DISCARD/ : { *(*) } }', 'any');
addScript('INSERT after a section that does not exist', 'SECTIONS { .x : { QUAD(1) } } INSERT AFTER .nothing;', 'any');
addScript('an input of a script that does not exist', 'INPUT(nothing.o)');
addScript('an endless device as an input', 'INPUT(/dev/zero)');
addFiles('an implicit script that names itself', { 'victim.a': Buffer.from('GROUP(victim.a)') }, 'refused');
addFiles(
  'two implicit scripts that name each other',
  { 'victim.a': Buffer.from('GROUP(other.a)'), 'other.a': Buffer.from('GROUP(victim.a)') },
  'refused',
);

// The command line: exempt from confinement, not from good manners.
const good = { 'good.o': member };
const flags = (name: string, args: readonly string[], expected: HostileCase['expected'] = 'refused'): void =>
  addFiles(name, good, expected, { args: ['good.o', ...args] });
flags('definitions in a circle on the command line', ['--defsym', 'a=b', '--defsym', 'b=a'], 'any');
flags('a definition that divides by zero', ['--defsym', 'a=1/0']);
flags('a page size of 3', ['-z', 'max-page-size=3']);
flags('a page size of 0', ['-z', 'max-page-size=0'], 'any');
flags('a page size of 2^63', ['-z', 'max-page-size=0x8000000000000000']);
flags('a text address of 2^64 - 1', ['-Ttext=0xffffffffffffffff'], 'any');
flags('an image base of 2^63', ['--image-base=0x8000000000000000'], 'any');
flags('a stack of 2^63 bytes', ['-z', 'stack-size=0x8000000000000000'], 'any');
addFiles('a response file that names itself', { 'victim.rsp': Buffer.from('good.o @victim.rsp'), ...good }, 'refused', {
  args: ['@victim.rsp'],
});
addFiles('a response file with an open quote', { 'victim.rsp': Buffer.from('good.o "'), ...good }, 'any', {
  args: ['@victim.rsp'],
});

export { cases };
