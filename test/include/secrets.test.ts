/**
 * include/casemate/secrets.h: what C says of its secrets arrives in the linked image as it was said, whichever compiler
 * made the object, and nothing that C says is lost or taken for something else.
 */
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { decodeAnnotations } from '../../base/secret-notes.ts';
import { defaultPolicy, type SecretAnnotation } from '../../base/secrets.ts';
import { isLong } from '../support/long.ts';
import { projectRoot, temporaryFolder } from '../support/paths.ts';
import { run } from '../support/run.ts';
import { type Image, project, type Source } from '../support/small-links.ts';
import { riscv, type Target, x86 } from '../support/toolchain.ts';
import { requireTool, type Tool } from '../support/tools.ts';

const header = join(projectRoot, 'include/casemate/secrets.h');
/** Objects are cached by their text and flags. */
const version = createHash('sha256').update(readFileSync(header)).digest('hex').slice(0, 16);
const flags = [`-I${projectRoot}/include`, `-DVERSION=0x${version}ull`, '-ffreestanding', '-ffunction-sections'];
const strict = '-std=c99 -pedantic -Wall -Wextra -Wconversion -Werror'.split(' ');

const text = `
#include <casemate/secrets.h>
struct key { unsigned char bytes[32]; };
static unsigned char master[4 * sizeof(int)] = {1};
#define renamed library_seal

CASEMATE_KEPT int renamed(unsigned char *out, unsigned long size, const struct key *key) {
  for (unsigned long i = 0; i < size; i++) out[i] = (unsigned char)(key->bytes[i & 31] ^ master[i & 15]);
  return 0;
}
CASEMATE_SECRETS(renamed, CASEMATE_SECRET(2, sizeof(struct key)), CASEMATE_OUTPUT_LENGTH(0, 1, 4096),
                 CASEMATE_SECRET_SYMBOL(master, sizeof master), CASEMATE_RESULT(4), CASEMATE_RETURNS(4));

CASEMATE_KEPT static int hidden(const unsigned char *key) { return key[0] & 1; }
CASEMATE_SECRETS(hidden, CASEMATE_SECRET(0, 1), CASEMATE_SECRET_VALUE(1), CASEMATE_STATE(2, 2),
                 CASEMATE_BUFFER(3, 3), CASEMATE_VALUE(4, 0xffffffff), CASEMATE_VALUE(31, 0), CASEMATE_OUTPUT(5, 16777216),
                 CASEMATE_STATE_LENGTH(6, 7, 9), CASEMATE_BUFFER_LENGTH(8, 7, 9), CASEMATE_SECRET_LENGTH(9, 10, 1),
                 CASEMATE_POLICY(CASEMATE_BUFFERS | CASEMATE_HEAP), CASEMATE_MAX_STACK(0));

int unused(const unsigned char *key);
CASEMATE_KEPT int unused(const unsigned char *key) { return key[0]; }
CASEMATE_SECRETS(unused, CASEMATE_SECRET(0, 1));

int _start(unsigned char *out);
int _start(unsigned char *out) { return library_seal(out, 3, (const struct key *)out) + hidden(out); }
`;

const constant = (bytes: number) => ({ kind: 'constant', bytes }) as const;
const says = (argument: number, most: number) => ({ kind: 'argument', argument, most }) as const;

const expected = (image: Image): SecretAnnotation[] => [
  {
    function: 'library_seal',
    address: image.symbol('library_seal').value,
    origin: 'source',
    items: [
      { kind: 'secret', argument: 2, length: constant(32) },
      { kind: 'output', argument: 0, length: says(1, 4096) },
      { kind: 'secret symbol', symbol: 'master', address: image.symbol('master').value, bytes: 16 },
    ],
    ...{ result: 4, returns: 4 },
    policy: defaultPolicy,
  },
  {
    function: 'hidden',
    address: image.symbol('hidden').value,
    origin: 'source',
    items: [
      { kind: 'secret', argument: 0, length: constant(1) },
      { kind: 'secret value', argument: 1 },
      { kind: 'state', argument: 2, length: constant(2) },
      { kind: 'buffer', argument: 3, length: constant(3) },
      { kind: 'value', argument: 4, value: 0xffff_ffff },
      { kind: 'value', argument: 31, value: 0 },
      { kind: 'output', argument: 5, length: constant(16_777_216) },
      { kind: 'state', argument: 6, length: says(7, 9) },
      { kind: 'buffer', argument: 8, length: says(7, 9) },
      { kind: 'secret', argument: 9, length: says(10, 1) },
    ],
    result: 0,
    policy: { buffer: true, stack: false, registers: false, heap: true },
    maxStack: 0,
  },
  // Left out of the image; the record says so by having no address.
  {
    function: 'unused',
    address: 0n,
    origin: 'source',
    items: [{ kind: 'secret', argument: 0, length: constant(1) }],
    result: 0,
    policy: defaultPolicy,
  },
];

const buildOf = (target: Target, compiler: Tool, own: string) => ({ target, compiler, own });
const builds = [
  buildOf(x86, 'gcc', '-O2 -fPIC'),
  buildOf(x86, 'clang', '-O0'),
  buildOf(riscv, 'riscv64-linux-gnu-gcc', '-O2'),
  ...(isLong
    ? [
        buildOf(x86, 'gcc', '-O0'),
        buildOf(x86, 'clang', '-O2 -fPIC'),
        buildOf(x86, 'clang', '-Os -fno-pic'),
        buildOf(riscv, 'riscv64-linux-gnu-gcc', '-O0 -fPIC'),
        buildOf(riscv, 'clang', '-O2 --target=riscv64-linux-gnu'),
      ]
    : []),
];

describe('secrets.h', () => {
  it.each(builds)('says the same in an image, as compiled by $compiler $own', async ({ target, compiler, own }) => {
    const folder = temporaryFolder('secrets');
    const source = join(folder, 'a.c');
    writeFileSync(source, text);
    const compiled = await run(requireTool(compiler), [
      ...flags,
      ...strict,
      ...own.split(' '),
      '-c',
      source,
      '-o',
      join(folder, 'a.o'),
    ]);
    expect(compiled).toMatchObject({ status: 0, stderr: '' });
    const { link, write } = await project(target, {});
    write('a.o', readFileSync(join(folder, 'a.o')));
    const image = await link('--gc-sections', 'a.o');
    const section = image.section('.note.casemate.secrets');
    expect(decodeAnnotations(section.data)).toEqual({ annotations: expected(image), problems: [] });
    expect(section.flags).toBe(0);
    // The functions that carry the constants cost nothing, and so does the one that is not used.
    expect(image.symbols.map(({ name }) => name).filter((name) => /^casemate_|^unused/.test(name))).toEqual([]);
  });

  it.each<[string, Source]>([
    ['an argument that no function has', 'CASEMATE_SECRET(32, 1)'],
    ['a secret of no bytes', 'CASEMATE_SECRET(0, 0)'],
    ['a secret of too many bytes', 'CASEMATE_SECRET(0, 16777217)'],
    ['a size that is not constant', 'CASEMATE_SECRET(0, size)'],
    ['a negative value', 'CASEMATE_VALUE(0, -1)'],
  ])('is an error of the compiler for %s', async (_, item) => {
    const folder = temporaryFolder('secrets');
    const source = join(folder, 'a.c');
    writeFileSync(
      source,
      `#include <casemate/secrets.h>\nextern int size;\nextern void f(char *);\nCASEMATE_SECRETS(f, ${item});\n`,
    );
    const { status, stderr } = await run(requireTool('gcc'), [...flags, '-c', source, '-o', join(folder, 'a.o')]);
    expect(status).not.toBe(0);
    expect(stderr).toContain('a.c:4');
  });
});
