/** Unikernels whose functions with secrets are wiped after: they boot, say what they would, and are judged erased. */
import { readFileSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { buildProject } from '../../pipeline/build.ts';
import { createProgress } from '../../pipeline/progress.ts';
import { slideImage } from '../../targets/hvt/slide.ts';
import { project } from '../pipeline/support.ts';
import { isLong } from '../support/long.ts';
import { requireTools } from '../support/tools.ts';
import { boot } from '../targets/hvt/guest.ts';
import * as riscv from '../targets/riscv64/machines.ts';

requireTools('clang', 'qemu-system-riscv64');

/** Eight arguments and more lie on the stack, so one veneer has no frame. */
const source = `#include <solo5.h>
#include <casemate/secrets.h>
static unsigned char key[16];
#ifdef TYPED
#include "verified.h"
#else
CASEMATE_KEPT void blend(unsigned char *out, const unsigned char *k) { *out = k[5] & 15; }
CASEMATE_SECRETS(blend, CASEMATE_SECRET(1, 16), CASEMATE_OUTPUT(0, 1), CASEMATE_RETURNS(0));
CASEMATE_KEPT unsigned char parity(const unsigned char *k) { return k[2] & 1; }
CASEMATE_SECRETS(parity, CASEMATE_SECRET(0, 16), CASEMATE_RESULT(1), CASEMATE_RETURNS(1));
#endif
CASEMATE_KEPT unsigned many(const unsigned char *k, int a, int b, int c, int d, int e, int f, int g, int h, int i) {
    volatile unsigned char copy = k[1];
    return (unsigned)(a + b + c + d + e + f + g + h + i) + (copy & 0);
}
CASEMATE_SECRETS(many, CASEMATE_SECRET(0, 16), CASEMATE_RESULT(4), CASEMATE_RETURNS(4));
static void put(const char *text, size_t size) { solo5_console_write(text, size); }
int solo5_app_main(const struct solo5_start_info *info) {
    for (unsigned i = 0; i < sizeof key; i++) key[i] = (unsigned char)(info->cmdline[0] + i);
    unsigned char out = 0;
#ifdef TYPED
    blend((cm_u8s){ &out, 1 }, (cm_const_u8s){ key, 16 });
    char even = (char)parity((cm_const_u8s){ key, 16 });
#else
    blend(&out, key);
    char even = (char)parity(key);
#endif
    char text[4] = { (char)('a' + out), (char)('0' + even), '\\n', 0 };
    put(text, 3);
    put(many(key, 1, 2, 3, 4, 5, 6, 7, 8, 9) == 45 ? "45\\n" : "??\\n", 3);
    return 0;
}
`;
const verified = `import type { u8 } from 'casemate';
/**
 * @requires out.length === 1
 * @requires key.length === 16
 * @secret key
 * @declassifies out
 * @modifies out
 */
export function blend(out: Uint8Array, key: Readonly<Uint8Array>): void {
  out[0] = key[5] & 15;
}
/**
 * @requires key.length === 16
 * @secret key
 * @declassifies result
 */
export function parity(key: Readonly<Uint8Array>): u8 {
  return key[2] & 1;
}
`;

const built = async (target: string, typed = false) => {
  const sources = typed ? ['key.ts', 'main.c'] : ['main.c'];
  const json = { name: 'sealed', target, harden: {}, sources, secrets: { wipe: true } };
  const manifest = JSON.stringify({ ...json, cflags: typed ? ['-DTYPED'] : [] });
  const folder = project({ 'casemate.json': manifest, 'key.ts': verified, 'main.c': source });
  const progress = createProgress({ write: () => {}, terminal: false, verbose: false, now: () => 0, patience: 60_000 });
  const result = await buildProject({ folder, lock: 'verify', progress, proofs: {} });
  const outcomes = result.secrets!.functions.map(({ function: name, outcome }) => [name, outcome]);
  expect(outcomes).toEqual(result.wiped!.map(({ function: name }) => [name, 'erased']));
  expect(result.wiped!.map(({ function: name }) => name)).toEqual(expect.arrayContaining(['many', 'blend', 'parity']));
  expect(result.wiped!.find(({ function: name }) => name === 'many')).toMatchObject({ arguments: 'stack' });
  return result;
};

// 'A' is 65.
const console = 'g1\n45\n';

test('an image for hvt says what it would, hardened, and slid to another layout', async () => {
  const { output } = await built('hvt');
  expect(await boot(output, { args: ['A'] })).toMatchObject({ outcome: 'halted', status: 0, console });
  const slid = `${output}.slid`;
  const options = { memory: 32 << 20, heapMin: 8 << 20, seed: Buffer.from('a layout') };
  writeFileSync(slid, slideImage(readFileSync(output), output, options));
  expect(await boot(slid, { args: ['A'] })).toMatchObject({ outcome: 'halted', status: 0, console });
});

test('an image for riscv64 says what it would, hardened and at an address of its own choice', async () => {
  const { output } = await built('riscv64');
  const result = await riscv.boot(output, { args: ['A'] });
  expect(result).toMatchObject({ outcome: 'halted', status: 0 });
  expect(result.console).toContain(console);
});

test.skipIf(!isLong)('verified TypeScript does so, and stays proved', async () => {
  const { output, verified: known } = await built('hvt', true);
  expect(known!.functions.map(({ status }) => status)).toEqual(['proved', 'proved']);
  expect(known!.functions[0]!.places.map(({ symbol }) => symbol)).toContain('__unwiped_blend');
  expect(await boot(output, { args: ['A'] })).toMatchObject({ outcome: 'halted', status: 0, console });
});
