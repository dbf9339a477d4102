/** Objects kept from build to build: found while nothing changed, and never where anything did, or another wrote them. */
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { compileSources, type SourceFile } from '../../pipeline/compile.ts';
import { openObjectCache } from '../../pipeline/object-cache.ts';
import { withScratch } from '../../pipeline/scratch.ts';
import { compilerFolder, requireTool } from '../../pipeline/tools.ts';
import { temporaryFolder } from '../support/paths.ts';

const clang = requireTool('clang');
const ownHeaders = compilerFolder(clang);

interface Setup {
  readonly layer: string;
  readonly env: { readonly HOME: string };
}

function setup(): Setup {
  const layer = temporaryFolder('layer');
  writeFileSync(join(layer, 'a.h'), '#define VALUE 1\n');
  writeFileSync(join(layer, 'a.c'), '#include "a.h"\nint a(void) { return VALUE; }\n');
  return { layer, env: { HOME: temporaryFolder('home') } };
}

/** Compiles `a.c` of the layer; how often an object was found and kept, and its bytes. */
async function compile(
  { layer, env }: Setup,
  flags: readonly string[] = ['-O1'],
  project = temporaryFolder('project'),
) {
  const counts = { found: 0, kept: 0 };
  const objects = openObjectCache({ compiler: clang.path, compilerFolder: ownHeaders, folders: [layer] }, env);
  const source: SourceFile = { name: 'layer/a.c', path: join(layer, 'a.c'), flags };
  const [object] = await withScratch((scratch) =>
    compileSources({
      compiler: clang,
      folder: project,
      scratch,
      sources: [source],
      prefixes: [
        [layer, 'layer'],
        [project, '.'],
      ],
      ...(objects && {
        kept: {
          of: () => true,
          objects: {
            shows: objects.shows,
            find: (...of) => {
              const found = objects.find(...of);
              counts.found += Number(found !== undefined);
              return found;
            },
            keep: (...of) => {
              counts.kept++;
              objects.keep(...of);
            },
          },
        },
      }),
      diagnostics: () => undefined,
    }),
  );
  return { ...counts, bytes: Buffer.from(object.bytes).toString('hex'), reads: object.reads };
}

const entriesOf = ({ env }: Setup): string[] => {
  const all = join(env.HOME, '.cache/casemate/objects');
  return readdirSync(all).map((name) => join(all, name));
};

describe('a kept object', () => {
  it('is the one that was compiled, in any project', async () => {
    const here = setup();
    const first = await compile(here);
    const second = await compile(here);
    expect([first.found, first.kept, second.found, second.kept]).toEqual([0, 1, 1, 0]);
    expect([second.bytes, second.reads]).toEqual([first.bytes, first.reads]);
    expect(entriesOf(here).map((path) => statSync(path).mode & 0o777)).toEqual([0o600]);
  });

  it('is not found for other flags, other files of the layer, or a folder whose name it could show', async () => {
    const here = setup();
    await compile(here);
    expect((await compile(here, ['-O2'])).found).toBe(0);
    expect((await compile(here, ['-O1'], here.layer)).found).toBe(0);
    writeFileSync(join(here.layer, 'other.h'), '');
    expect((await compile(here)).found).toBe(0);
    const before = await compile(here);
    expect(before.found).toBe(1);
    writeFileSync(join(here.layer, 'a.h'), '#define VALUE 2\n');
    const after = await compile(here);
    expect(after.found).toBe(0);
    expect(after.bytes).not.toBe(before.bytes);
  });

  it('is not believed when a byte of it changed, it was cut, or it lies under the name of another', async () => {
    const here = setup();
    const { bytes } = await compile(here);
    await compile(here, ['-O2']);
    const [one, other] = entriesOf(here);
    const whole = readFileSync(one);
    const otherWhole = readFileSync(other);
    for (const at of [0, 31, 32, 60, whole.length - 1]) {
      const spoilt = Buffer.from(whole);
      spoilt[at] ^= 1;
      writeFileSync(one, spoilt);
      writeFileSync(other, otherWhole);
      const [first, second] = [await compile(here), await compile(here, ['-O2'])];
      expect([first.found + second.found, first.bytes]).toEqual([1, bytes]);
    }
    for (const wrong of [Buffer.alloc(0), whole.subarray(0, 40), otherWhole]) {
      writeFileSync(one, wrong);
      writeFileSync(other, otherWhole);
      expect((await compile(here)).found + (await compile(here, ['-O2'])).found).toBe(1);
    }
  });

  it('is none of one that reads what no key covers, or of which the compiler complained', async () => {
    const here = setup();
    const elsewhere = temporaryFolder('elsewhere');
    writeFileSync(join(elsewhere, 'b.h'), '');
    writeFileSync(join(here.layer, 'a.c'), `#include "${elsewhere}/b.h"\nint a(void) { return 1; }\n`);
    await compile(here);
    expect((await compile(here)).found).toBe(0);
    writeFileSync(join(here.layer, 'a.c'), '#warning hm\nint a(void) { return 1; }\n');
    expect((await compile(here)).kept).toBe(0);
  });

  it('is none where nothing can be kept, and then compiling goes on', async () => {
    const here = setup();
    const reference = await compile(here);
    const bad = { ...here, env: { HOME: '/dev/null' } };
    expect(await compile(bad)).toEqual({ ...reference, found: 0, kept: 0 });
  });
});
