import { readFileSync } from 'node:fs';
import { Ajv } from 'ajv';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CasemateError } from '../../base/errors.ts';
import { nearest } from '../../base/nearest.ts';
import schema from '../../docs/schema/casemate.schema.json';
import { linkOptions } from '../../pipeline/link-options.ts';
import { parseManifest } from '../../pipeline/manifest.ts';
import { errorOf } from './support.ts';

const hello = { name: 'hello', target: 'hvt', sources: ['main.c'] };
const parse = (manifest: unknown) => parseManifest(JSON.stringify(manifest, null, 1), 'casemate.json');
const complaint = (manifest: unknown): string => errorOf(() => parse(manifest)).message;

describe('casemate.json', () => {
  it('is read as written', () => {
    const full = {
      $schema: '../casemate.schema.json',
      ...hello,
      include: ['include'],
      cflags: ['-O2'],
      objects: ['a.o'],
      archives: ['b.a'],
      link: { inputs: ['c.o', { path: 'd.a', whole: true, as: 'libd.a' }], script: 'x.lds', gcSections: true },
      devices: [
        { name: 'net0', type: 'net' },
        { name: 'disk', type: 'block' },
      ],
      memory: 64,
      roots: ['/usr/lib'],
    };
    expect(parse(full).manifest).toEqual(full);
  });

  it.each([
    [{ ...hello, souces: [] }, 'casemate.json:7: souces: unknown key "souces"; did you mean "sources"?'],
    [
      { ...hello, zzz: 1 },
      /^casemate\.json:7: zzz: unknown key "zzz"; allowed are \$schema, name, target, .* or roots$/,
    ],
    [{ target: 'hvt', sources: ['a.c'] }, 'casemate.json:1: the key "name" is missing'],
    [
      { ...hello, target: 'htv' },
      'casemate.json:3: target: found "htv"; must be "hvt", "riscv64", "sel4" or "elf" (did you mean "hvt"?)',
    ],
    [{ ...hello, memory: '64' }, /^casemate\.json:7: memory: found "64"; must be a whole number: guest memory in MiB/],
    [{ ...hello, memory: 5000 }, /^casemate\.json:7: memory: found 5000; must be at most 4095/],
    [
      { ...hello, harden: { stack: 18 } },
      /harden\.stack: found 18; must be a multiple of 4: the largest stack in KiB, a multiple of 4$/,
    ],
    [
      { ...hello, harden: { require: ['xmo'] } },
      /harden\.require\[0\]: found "xmo"; must be .* \(did you mean "xom"\?\)/,
    ],
    [{ ...hello, name: '../x' }, /^casemate\.json:2: name: found "\.\.\/x"; must be the image's name: letters/],
    [{ ...hello, sources: 'main.c' }, /^casemate\.json:4: sources: found "main\.c"; must be a list/],
    [
      { ...hello, link: { inputs: [3] } },
      /^casemate\.json:9: link\.inputs\[0\]: found 3; must be text in double quotes or an object/,
    ],
    [{ ...hello, link: { inputs: [{ paht: 'a' }] } }, /link\.inputs\[0\](\.paht)?: .*\(and 1 more\)$/],
    [
      { ...hello, devices: [{ name: 'net 0', type: 'net' }] },
      /devices\[0\]\.name: found "net 0"; must be a device's name/,
    ],
    [
      { ...hello, link: { sectionStart: { '.text': '0xzz' } } },
      /link\.sectionStart\["\.text"\]: found "0xzz"; must be a number/,
    ],
    [
      { ...hello, link: { buildId: '0x123' } },
      /link\.buildId: found "0x123"; must be none, fast, md5, sha1, sha256 or 0x/,
    ],
  ])('names the line, the key, what was found and what is allowed: %j', (manifest, expected) => {
    const message = complaint(manifest);
    if (typeof expected === 'string') expect(message).toBe(expected);
    else expect(message).toMatch(expected);
    expect(message).not.toContain('\n');
  });

  it('refuses what a schema cannot express', () => {
    const twice = { name: 'a', type: 'net' };
    expect(complaint({ ...hello, devices: [twice, twice] })).toContain('devices[1].name: found "a" again');
    expect(complaint({ name: 'a', target: 'hvt' })).toContain('nothing to build');
    expect(complaint({ ...hello, target: 'elf', devices: [] })).toContain('remove it or set "target" to "hvt"');
    expect(complaint({ ...hello, target: 'riscv64', harden: { require: ['xom', 'pku'] } })).toContain(
      'has no protection keys',
    );
    expect(complaint({ ...hello, harden: { require: { riscv64: ['pku'] } } })).toMatch(
      /harden\.require\.riscv64\[0\]: found "pku"; must be/,
    );
    expect(complaint({ ...hello, harden: { require: { elf: ['xom'] } } })).toContain('elf');
    expect(complaint({ ...hello, harden: { mode: 'sv39' } })).toContain("paging modes are bare RISC-V's");
    const domain = { form: 'protection-domain', aslr: 'boot' };
    expect(complaint({ ...hello, target: 'sel4', sel4: domain })).toContain(
      'sel4.aslr: found "boot"; Microkit decides where a protection domain lies',
    );
    expect(complaint({ ...hello, target: 'elf', harden: {} })).toContain('protected by the kernel that loads it');
    expect(complaint({ ...hello, target: 'elf', platform: 'casemate' })).toContain('no platform layer');
  });

  it('shows control characters of a hostile manifest escaped', () => {
    expect(complaint({ ...hello, '\u001b[2J': 1 })).not.toContain('\u001b');
    const message = complaint({ ...hello, name: '\u001b[2J\u202e' });
    expect(message).toContain('\\u001b');
    expect(message).not.toContain('\u202e');
  });

  it('takes no name of an object in JavaScript for a key', () => {
    for (const key of ['constructor', 'toString', 'hasOwnProperty']) {
      expect(complaint({ ...hello, [key]: 1 })).toContain(`unknown key "${key}"`);
    }
  });

  it('says for each target what its machine must have, and nothing for one that it does not name', () => {
    const text = JSON.stringify({
      ...hello,
      harden: { stack: 16, require: { hvt: ['xom', 'pku'], riscv64: ['xom'] } },
    });
    const of = (target: 'hvt' | 'riscv64' | 'sel4') => parseManifest(text, 'casemate.json', target).manifest.harden;
    expect(of('hvt')).toEqual({ stack: 16, require: ['xom', 'pku'] });
    expect(of('riscv64')).toEqual({ stack: 16, require: ['xom'] });
    expect(of('sel4')).toEqual({ stack: 16, require: [] });
  });
});

describe('a damaged manifest', () => {
  const text = JSON.stringify({
    ...hello,
    objects: ['a.o'],
    link: { inputs: ['c.o', { path: 'd.a', whole: true }], sectionStart: { '.text': '0x1000' }, defsym: ['a=1'] },
    devices: [{ name: 'net0', type: 'net' }],
    memory: 64,
    roots: ['/usr/lib'],
  });

  it('is read or refused with one line, and never breaks us: 1500 mutations', () => {
    const spans = fc.tuple(fc.nat(text.length), fc.nat(12));
    const insert = fc.oneof(
      fc.string({ maxLength: 6 }),
      fc.constantFrom('{', '[', '"', '__proto__', '1e999', '\\u0000', 'null'),
    );
    let refused = 0;
    fc.assert(
      fc.property(fc.array(fc.tuple(spans, insert), { minLength: 1, maxLength: 3 }), (edits) => {
        let damaged = text;
        for (const [[at, length], word] of edits) damaged = damaged.slice(0, at) + word + damaged.slice(at + length);
        try {
          const { manifest, at } = parseManifest(damaged, 'casemate.json');
          linkOptions(manifest.link ?? {}, [], at);
        } catch (error) {
          refused++;
          expect(error).toBeInstanceOf(CasemateError);
          expect((error as Error).message).toMatch(/^[^\n]*casemate\.json:\d+[^\n]*$/);
        }
      }),
      { seed: 5, numRuns: 1500 },
    );
    expect(refused).toBeGreaterThan(1000);
  });
});

describe('the shipped schema', () => {
  it('is a valid draft-07 schema', () => {
    const ajv = new Ajv({ strict: true, strictTypes: false });
    expect(ajv.validateSchema(schema)).toBe(true);
    expect(() => ajv.compile(schema)).not.toThrow();
  });

  it('has every key of it explained in docs/manifest.md', () => {
    const text = readFileSync(new URL('../../docs/manifest.md', import.meta.url), 'utf8');
    const keys = [schema.properties, schema.definitions.link.properties, schema.definitions.input.properties]
      .flatMap((properties) => Object.keys(properties))
      .filter((key) => key !== '$schema');
    expect(keys.filter((key) => !text.includes(`\`${key}\``))).toEqual([]);
  });
});

describe('the nearest word', () => {
  it('forgives slips of the hand and nothing else', () => {
    expect(nearest('souces', ['sources', 'scripts'])).toBe('sources');
    expect(nearest('taregt', ['target'])).toBe('target');
    expect(nearest('gcsections', ['gcSections'])).toBe('gcSections');
    expect(nearest('x', ['yz', 'roots'])).toBeUndefined();
    expect(nearest('x'.repeat(100_000), ['roots'])).toBeUndefined();
  });
});
