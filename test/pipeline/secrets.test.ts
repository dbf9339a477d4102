/** Secrets in a build: no image is written of which a function leaves some and nobody has waived it. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type BuildResult, buildProject } from '../../pipeline/build.ts';
import { parseManifest } from '../../pipeline/manifest.ts';
import { createProgress } from '../../pipeline/progress.ts';
import { manifestAnnotations } from '../../pipeline/secrets.ts';
import { isLong } from '../support/long.ts';
import { errorOf, project, rejectionOf } from './support.ts';

const source = `
#include <casemate/secrets.h>
CASEMATE_KEPT int zero(const unsigned char *key) { (void)key; return 0; }
CASEMATE_SECRETS(zero, CASEMATE_SECRET(0, 32));
CASEMATE_KEPT int leaks(const unsigned char *key) {
  volatile unsigned char copy = key[0];
  (void)copy;
  return 0;
}
CASEMATE_KEPT int calls(const unsigned char *key, int (*f)(const unsigned char *)) { return f(key) & 0; }
LEAKS
CALLS
void _start(void) { leaks(0); calls(0, zero); for (;;); }
`;
const LEAKS = 'CASEMATE_SECRETS(leaks, CASEMATE_SECRET(0, 32));';
const CALLS = 'CASEMATE_SECRETS(calls, CASEMATE_SECRET(0, 32));';

async function build(
  replaced: Readonly<Record<string, string>>,
  manifest: object = {},
  strict = false,
  files: Readonly<Record<string, string>> = {},
): Promise<{ folder: string; notes: string[]; result: Promise<BuildResult> }> {
  const text = source.replace(/^(LEAKS|CALLS)$/gm, (name) => replaced[name] ?? '');
  const json = { name: 'app', target: 'elf', sources: ['main.c'], cflags: ['-O1'], ...manifest };
  const folder = project({ 'casemate.json': JSON.stringify(json, null, 1), 'main.c': text, ...files });
  const notes: string[] = [];
  const progress = createProgress({
    write: (line) => notes.push(line),
    terminal: false,
    verbose: false,
    now: () => 0,
    patience: 60_000,
  });
  return { folder, notes, result: buildProject({ folder, lock: 'verify', progress, strict }) };
}

const waive = (...names: string[]) => ({ waive: names.map((name) => ({ function: name, reason: 'it is a test' })) });

describe('a build', () => {
  it('is written where all functions with secrets leave none, and says so', async () => {
    const { result } = await build({});
    const { secrets } = await result;
    expect(secrets?.functions.map(({ function: name, outcome }) => [name, outcome])).toEqual([['zero', 'erased']]);
  });

  it('stops where one leaves something, says what, and leaves nothing behind', async () => {
    const { folder, notes, result } = await build({ LEAKS });
    const error = await rejectionOf(result);
    expect([error.code, error.message]).toEqual(['residue', expect.stringContaining('leaks: leaves something')]);
    expect(notes.join('')).toMatch(/stack: 1 byte at -\d+ from the stack pointer at the entry, of the secret itself/);
    expect(existsSync(join(folder, 'build/app'))).toBe(false);
  });

  it('goes on with what is waived, and warns of it', async () => {
    const { notes, result } = await build({ LEAKS }, { secrets: waive('leaks') });
    expect((await result).secrets?.waived).toEqual(['leaks']);
    expect(notes.join('')).toContain('warning: leaks: residue, waived: it is a test');
  });

  it('warns of what is unknown, and stops at it if it is strict', async () => {
    const { notes, result } = await build({ CALLS });
    expect((await result).secrets?.functions.map(({ outcome }) => outcome)).toEqual(['erased', 'unknown']);
    expect(notes.join('')).toContain('unknown: a call to where nobody knows');
    const strict = await rejectionOf((await build({ CALLS }, {}, true)).result);
    expect([strict.code, strict.message]).toEqual(['undecided', expect.stringContaining('calls: whether its secrets')]);
  });

  it('judges what casemate.json says of objects as it does what C says', async () => {
    const functions = [{ function: 'leaks', arguments: [{ argument: 0, is: 'secret', bytes: 32 }] }];
    const error = await rejectionOf((await build({}, { secrets: { functions } })).result);
    expect(error.code).toBe('residue');
    const missing = [{ ...functions[0], function: 'leeks' }];
    const wrong = await rejectionOf((await build({}, { secrets: { functions: missing } })).result);
    expect(wrong.message).toMatch(
      /casemate\.json:\d+: secrets\.functions\[0\]\.function: the image has no function leeks/,
    );
    const nothing = await rejectionOf((await build({}, { secrets: waive('zero') })).result);
    expect(nothing.message).toContain('there is nothing to waive of zero');
  });

  it.skipIf(!isLong)(
    'judges an image for hvt as it is hardened, where its code lies elsewhere than its notes say',
    async () => {
      const functions = [{ function: 'solo5_app_main', arguments: [{ argument: 0, is: 'secret', bytes: 8 }] }];
      const main = 'int solo5_app_main(const unsigned char *p) { return *(volatile const unsigned char *)p; }\n';
      const { notes, result } = await build(
        {},
        { target: 'hvt', sources: ['app.c'], harden: {}, secrets: { functions, ...waive('solo5_app_main') } },
        false,
        { 'app.c': main },
      );
      const { secrets } = await result;
      // Its result says it all, and nobody said that it may.
      expect(secrets?.functions[0]?.parts.find(({ part }) => part === 'registers')?.outcome).toBe('residue');
      expect(notes.join('')).toContain('solo5_app_main: residue, waived');
    },
  );

  it('does not lose the records of an input to a linker script', async () => {
    const script =
      'SECTIONS { .text 0x400000 : { *(.text*) } .data : { *(.data*) *(.bss*) } /DISCARD/ : { *(.note*) } }';
    const { result } = await build({ LEAKS }, { link: { script: 'x.lds' } }, false, { 'x.lds': script });
    const error = await rejectionOf(result);
    expect([error.code, error.message]).toEqual([
      'image',
      expect.stringContaining('main.c.o: its records of secrets are not in .note.casemate.secrets of the image'),
    ]);
  });
});

describe('"secrets" of casemate.json', () => {
  const parsed = (...arguments_: object[]) => {
    const functions = [{ function: 'f', arguments: arguments_, result: 4, clear: ['stack', 'heap'], maxStack: 0 }];
    const { manifest, at } = parseManifest(
      JSON.stringify({ name: 'a', target: 'elf', sources: ['a.c'], secrets: { functions } }, null, 1),
      'casemate.json',
    );
    return manifestAnnotations(manifest, at);
  };
  const secret = { argument: 0, is: 'secret', bytes: 32 };

  it('is the record that it says', () => {
    expect(
      parsed(secret, { argument: 1, is: 'output', bytes: 64, length: 2 }, { argument: 3, is: 'secret value' }),
    ).toEqual([
      {
        function: 'f',
        address: 0n,
        origin: 'manifest',
        items: [
          { kind: 'secret', argument: 0, length: { kind: 'constant', bytes: 32 } },
          { kind: 'output', argument: 1, length: { kind: 'argument', argument: 2, most: 64 } },
          { kind: 'secret value', argument: 3 },
        ],
        result: 4,
        policy: { buffer: false, stack: true, registers: false, heap: true },
        maxStack: 0,
      },
    ]);
  });

  it.each<[object, string]>([
    [{ argument: 1, is: 'output' }, 'arguments[1]: the key "bytes" is missing; "output" has one'],
    [{ argument: 1, is: 'value', value: 1, bytes: 3 }, 'arguments[1]: "value" has no "bytes"; remove it'],
    [{ argument: 0, is: 'secret value' }, 'secrets.functions[0]: f: argument 0 is described twice'],
    [{ argument: 32, is: 'secret value' }, 'found 32; must be at most 31'],
    [{ argument: 1, is: 'sekret', bytes: 1 }, 'found "sekret"'],
    [{ argument: 1, is: 'output', bytes: 0 }, 'found 0; must be at least 1'],
  ])('refuses %s', (item, message) => {
    const error = errorOf(() => parsed(secret, item));
    expect([error.code, error.message]).toEqual(['manifest', expect.stringContaining(message)]);
  });
});

describe('secret variables', () => {
  it('need somebody who wipes them', async () => {
    const variables = [{ symbol: 'key', bytes: 4 }];
    const [off, none] = [
      await build({}, { secrets: { variables } }),
      await build({}, { secrets: { wipe: true, variables } }),
    ];
    const messages = [(await rejectionOf(off.result)).message, (await rejectionOf(none.result)).message];
    expect(messages[0]).toContain('nothing is wiped without "wipe": true');
    expect(messages[1]).toContain('the platform layer wipes them, and this image has none');
  });
});
