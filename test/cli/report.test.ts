/** `casemate report`, as a user runs it: on the bundle of a build that can slide. */
import { copyFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { packBundle, unpackBundle } from '../../evidence/bundle.ts';
import { casemateIn } from '../support/casemate.ts';
import { makeKey } from '../support/keys.ts';
import { temporaryFolder } from '../support/paths.ts';

const folder = temporaryFolder('report');
const at = (name: string): string => join(folder, name);

const run = casemateIn(folder);

const text = (name: string): string => readFileSync(at(name), 'utf8');

beforeAll(() => {
  const key = makeKey();
  writeFileSync(at('own.key'), key.privatePem, { mode: 0o600 });
  writeFileSync(at('own.pub'), key.publicPem);
  writeFileSync(at('other.pub'), makeKey().publicPem);
  const secrets = { waive: [{ function: 'mix', reason: 'to have <b>residue</b>' }] };
  const manifest = { name: 'app', target: 'hvt', sources: ['main.c', 'sum.ts'], harden: {}, secrets };
  writeFileSync(at('casemate.json'), JSON.stringify(manifest));
  writeFileSync(
    at('main.c'),
    `#include "solo5.h"
#include "verified.h"
#include <casemate/secrets.h>
CASEMATE_KEPT int mix(const unsigned char *key) {
  volatile unsigned char copy[4];
  for (int i = 0; i < 4; i++) copy[i] = key[i];
  return copy[3] != 0;
}
CASEMATE_SECRETS(mix, CASEMATE_SECRET(0, 4), CASEMATE_RESULT(4));
static const unsigned char key[4] = {1, 2, 3, 4};
int solo5_app_main(const struct solo5_start_info *i) { (void)i; return sum(3) == 6 ? mix(key) : 1; }
`,
  );
  writeFileSync(
    at('sum.ts'),
    "import type { u32 } from 'casemate';\n/**\n * @requires n <= 1000\n * @ensures result === n * 2\n */\nexport function sum(n: u32): u32 {\n  return n + n;\n}\n",
  );
  const built = run(
    'build',
    '.',
    '-q',
    '--evidence',
    'app.evidence',
    '--key',
    'own.key',
    '--release',
    '7',
    '--report',
    'built.html',
  );
  expect(built, built.stderr).toMatchObject({ status: 0, stdout: '' });
  writeFileSync(at('policy.json'), run('init-policy', '--preset', 'baseline').stdout);
});

describe('casemate report', () => {
  it('writes the same page for the same bundle, from a build and by itself', () => {
    expect(run('report', 'app.evidence', '-o', 'again.html')).toMatchObject({ status: 0, stdout: '' });
    expect(text('again.html')).toBe(text('built.html'));
    expect(run('report', 'app.evidence').stdout).toBe(text('built.html'));
  });

  it('shows the source that was proved, and what is found in the image: its tables, and slides of it', () => {
    const page = text('built.html');
    expect(page).toContain(' * @ensures result === n * 2');
    expect(page).toContain('Where 1\u202f000 slides of this image begin');
    expect(page).toMatch(/--X<\/code> execute/);
    expect(page).toContain('signature was checked');
    expect(run('report', 'app.evidence', '--slides', '0').stdout).not.toContain('slides of this image begin');
  });

  it('shows the instruction that left a secret, and its waiver as text', () => {
    const page = text('built.html');
    expect(page).toMatch(/written at (0x[0-9a-f]+) \(mix\+0x[0-9a-f]+\)[^<]*<br><code class="quote">\1: mov \[r/);
    expect(page).toContain('to have &lt;b&gt;residue&lt;/b&gt;');
  });

  it('says whose signature it is, and what the gate decides', () => {
    const { status, stdout } = run(
      'report',
      'app.evidence',
      '--key',
      'own.pub',
      '--policy',
      'policy.json',
      '--now',
      '2026-01-01',
    );
    expect(status).toBe(0);
    expect(stdout).toMatch(/signed by <code class="hash">[0-9a-f]{64}<\/code>, as release 7/);
    expect(stdout).toMatch(/<p class="word">Policy: (?:passed|failed|undecided)<\/p>/);
    const gated = run('gate', 'app.evidence', '--key', 'own.pub', '--policy', 'policy.json', '--now', '2026-01-01');
    const word = { 0: 'passed', 1: 'failed', 3: 'undecided' }[gated.status!];
    expect(stdout).toContain(`Policy: ${word}`);
  });

  it('compares with the release before, which the same keys must have signed', () => {
    const { status, stdout } = run('report', 'app.evidence', '--key', 'own.pub', '--against', 'app.evidence');
    expect(status).toBe(0);
    expect(stdout).toContain('nothing is worse');
    expect(stdout).toContain('is the same');
    writeFileSync(at('foreign.key'), makeKey().privatePem, { mode: 0o600 });
    copyFileSync(at('app.evidence'), at('foreign.evidence'));
    expect(run('sign', 'foreign.evidence', '--key', 'foreign.key').status).toBe(0);
    const foreign = run('report', 'app.evidence', '--key', 'own.pub', '--against', 'foreign.evidence');
    expect(foreign).toMatchObject({ status: 1, stdout: '' });
  });

  it('writes nothing for a bundle that another key signed, or whose image is another', () => {
    const foreign = run('report', 'app.evidence', '--key', 'other.pub', '-o', 'no.html');
    expect(foreign).toMatchObject({ status: 1, stdout: '' });
    const files = unpackBundle(readFileSync(at('app.evidence')), 'app.evidence');
    const image = Buffer.from(files.get('app.hvt')!);
    image[image.length - 1]! ^= 1;
    writeFileSync(at('other.evidence'), Buffer.concat([...packBundle(new Map([...files, ['app.hvt', image]]))]));
    const other = run('report', 'other.evidence', '-o', 'no.html');
    expect(other.status).toBe(1);
    expect(other.stderr).toContain('the evidence is about');
    expect(existsSync(at('no.html'))).toBe(false);
  });

  it('does not show a text in the place of a source that was proved', () => {
    const files = unpackBundle(readFileSync(at('app.evidence')), 'app.evidence');
    const [name] = [...files.keys()].filter((one) => one.startsWith('sources/'));
    const lie = Buffer.from('export function sum() { return "a lie"; }\n');
    writeFileSync(at('lying.evidence'), Buffer.concat([...packBundle(new Map([...files, [name!, lie]]))]));
    const { stdout } = run('report', 'lying.evidence');
    expect(stdout).not.toContain('a lie');
    expect(stdout).toContain('Its source is not at hand.');
  });

  it('reads evidence by itself, and says that the image is not there', () => {
    const files = unpackBundle(readFileSync(at('app.evidence')), 'app.evidence');
    writeFileSync(at('evidence.json'), files.get('evidence.json')!);
    const { status, stdout } = run('report', 'evidence.json');
    expect(status).toBe(0);
    expect(stdout).toContain('not at hand when this page was made');
    expect(stdout).not.toContain('slides of this image begin');
  });

  it.each([
    [['report', 'app.evidence', '--policy', 'policy.json'], 'whose word'],
    [['report', 'app.evidence', '--key', 'own.pub', '--unsigned'], 'exclude each other'],
    [['report', 'app.evidence', '--now', '2026-01-01'], '--policy'],
    [['report', 'app.evidence', '--slides', '20001'], 'from 0 to 20000'],
    [['report', 'app.evidence', '--slides', '-1'], 'from 0 to 20000'],
    [['report', 'own.pub'], 'own.pub'],
    [['build', '.', '--report', 'x.html'], '--evidence'],
  ])('refuses %j', (args, message) => {
    const { status, stdout, stderr } = run(...args);
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    expect(stderr).toContain(message);
    expect(stderr).not.toContain('    at ');
  });
});
