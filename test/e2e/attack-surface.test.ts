/**
 * "Trust and attack surface" of docs/design.md, sentence by sentence, attacked through the command as a user runs it: what
 * parts do by themselves is tested beside them.
 */
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { type Bundle, packBundle } from '../../evidence/bundle.ts';
import { canonicalBytes } from '../../evidence/canonical.ts';
import { signBundle } from '../../evidence/envelope.ts';
import { readElfFile } from '../../linker/elf-file.ts';
import { readBundle } from '../../pipeline/bundle-file.ts';
import { sha256 } from '../../pipeline/lock.ts';
import { project } from '../pipeline/support.ts';
import { casemateIn, type Ran } from '../support/casemate.ts';
import { makeKey } from '../support/keys.ts';
import { temporaryFolder } from '../support/paths.ts';

const key = makeKey();
const thief = makeKey();
const main = `#include "solo5.h"
#include "verified.h"
int solo5_app_main(const struct solo5_start_info *i) { (void)i; return twice(2) == 4 ? 0 : 1; }
`;
const twice = `import type { u8 } from 'casemate';
/** @ensures result === n * 2 */
export function twice(n: u8): number {
  return n + n;
}
`;
const manifest = { name: 'app', target: 'hvt', sources: ['main.c', 'twice.ts'] };

/** A project's folder, with the keys that its owner has. */
function own(files: Record<string, string>, settings: object = {}): string {
  const folder = project({
    'casemate.json': JSON.stringify({ ...manifest, ...settings }),
    ...{ 'main.c': main, 'twice.ts': twice, key: key.privatePem, 'key.pub': key.publicPem },
    ...files,
  });
  chmodSync(join(folder, 'key'), 0o600);
  return folder;
}

/** Wrong usage or input, said in a line of our own. */
function refused({ status, stderr, stdout }: Ran, words: string | RegExp): void {
  expect(stderr + stdout).toMatch(words);
  expect(stderr).not.toMatch(/^\s+at /m);
  expect(status).toBe(2);
}

/** A bundle of that project, signed by its owner; the folder is of the whole run. */
let signed: Uint8Array;
beforeAll(() => {
  const folder = own({});
  const { status } = casemateIn(folder)('build', '.', '-q', '--evidence', 'e', '--key', 'key');
  expect(status).toBe(0);
  signed = readFileSync(join(folder, 'e'));
}, 60_000);

/** The bundle with other files, signed by the right key, and what verify says of it. */
function verifyForged(change: (files: Map<string, Uint8Array>) => void): Ran & { readonly folder: string } {
  const folder = own({});
  writeFileSync(join(folder, 'e'), signed);
  const files = new Map(readBundle(join(folder, 'e')).files);
  change(files);
  writeFileSync(join(folder, 'e'), Buffer.concat([...packBundle(signBundle(files as Bundle, [key.signing]))]));
  return { folder, ...casemateIn(folder)('verify', 'e', '--key', 'key.pub') };
}

describe('a path', () => {
  const secret = join(temporaryFolder('outside'), 'secret.c');
  writeFileSync(secret, '#error "the secret"\n');

  it.each<[string, object, Record<string, string>]>([
    ['of a source, by ..', { sources: ['main.c', `..${secret}`] }, {}],
    ['of a source, absolute', { sources: [secret] }, {}],
    ['of a source, through a link', { sources: ['main.c', 'link.c', 'twice.ts'] }, {}],
    ['of a script', { link: { scripts: ['../link.ld'] } }, {}],
    ['in a script', { link: { scripts: ['in.ld'] } }, { 'in.ld': `INPUT(${secret})` }],
    ['that a declared root should make right', { roots: ['/'], sources: [secret] }, {}],
  ])('leads nowhere outside of the project: %s', (_what, settings, files) => {
    const folder = own(files, settings);
    symlinkSync(secret, join(folder, 'link.c'));
    const { status, stderr, stdout } = casemateIn(folder)('build', '.', '-q');
    expect(status).toBe(2);
    expect(stderr + stdout).not.toContain('the secret');
    expect(stderr).toMatch(/casemate\.json|in\.ld/);
  });

  it('of a thin archive leads to no member outside', () => {
    const name = `${secret}/\n`;
    const header = (title: string, size: number): string =>
      `${title.padEnd(16)}${'0'.padEnd(12)}${'0'.padEnd(6)}${'0'.padEnd(6)}${'644'.padEnd(8)}${String(size).padEnd(10)}\`\n`;
    const names = name.padEnd(name.length + (name.length % 2), '\n');
    const folder = own(
      { 'thin.a': `!<thin>\n${header('//', names.length)}${names}${header('/0', 20)}` },
      { archives: ['thin.a'] },
    );
    const { status, stderr, stdout } = casemateIn(folder)('build', '.', '-q');
    expect(status).toBe(2);
    expect(stderr + stdout).not.toContain('the secret');
  });

  it.each(['-fplugin=./evil.so', '@flags', '-Xclang', '-B.', '-o', '-I/'])(
    'cannot be smuggled in as a flag of the compiler: %s',
    (flag) => {
      refused(casemateIn(own({}, { cflags: [flag] }))('build', '.', '-q'), /cflags/);
    },
  );
});

describe('TypeScript of a user', () => {
  it('is never evaluated, whether it is proved, refuted or built', () => {
    const folder = own({
      'wrong.ts': `import type { u8 } from 'casemate';
require('fs').writeFileSync('ran', '');
globalThis.process.exit(7);
/** @ensures result > n */
export function wrong(n: u8): number {
  return n;
}
`,
    });
    const { status } = casemateIn(folder)('prove', 'wrong.ts');
    expect([1, 2]).toContain(status);
    expect(existsSync(join(folder, 'ran'))).toBe(false);
    // Its counterexample is run all the same: on an interpreter.
    writeFileSync(join(folder, 'refuted.ts'), twice.replace('n * 2', 'n * 3'));
    const refuted = casemateIn(folder)('prove', 'refuted.ts');
    expect(refuted).toMatchObject({ status: 1, stdout: expect.stringContaining('confirmed bug') });
  });
});

describe('SMT of a bundle', () => {
  it.each([
    ['writes to a file', '(set-option :regular-output-channel "written")\n(check-sat)\n'],
    ['says its answer itself', '(echo "unsat")\n(check-sat)\n'],
    ['asks twice', '(check-sat)\n(check-sat)\n'],
    ['leaves', '(exit)\n'],
  ])('reaches no solver where it %s, though the right key signed it', (_what, text) => {
    const { status, stdout, stderr, folder } = verifyForged((files) => {
      const name = [...files.keys()].find((one) => one.endsWith('.smt2'))!;
      const other = `proofs/${sha256(Buffer.from(text))}.smt2`;
      const index = 'proofs/obligations.json';
      const [from, to] = [name, other].map((one) => one.slice(7, -5)) as [string, string];
      files.delete(name);
      files.set(other, Buffer.from(text));
      for (const file of [index, 'evidence.json'])
        files.set(file, Buffer.from(Buffer.from(files.get(file)!).toString().replaceAll(from, to)));
    });
    expect(status).toBe(1);
    expect(stdout + stderr).toMatch(/Not so:/);
    expect(existsSync(join(folder, 'written'))).toBe(false);
  });

  it('is no file that could be run', () => {
    const { status, stderr } = verifyForged((files) => files.set('Makefile', Buffer.from('all:\n\ttouch written\n')));
    expect(status).toBe(2);
    expect(stderr).toContain('Makefile');
  });
});

describe('a key', () => {
  it.each<[string, (pem: string) => string]>([
    ['in PEM', (pem) => pem],
    ['in one line', (pem) => pem.replaceAll('\n', '')],
    ['in base64', (pem) => pem.split('\n')[1]!],
    ['in hexadecimal', (pem) => Buffer.from(pem.split('\n')[1]!, 'base64').toString('hex')],
  ])('on the command line, %s, is refused and not repeated', (_what, form) => {
    const folder = own({});
    writeFileSync(join(folder, 'e'), signed);
    const given = form(key.privatePem);
    for (const args of [
      ['build', '.', '-q', '--evidence', 'new', '--key', given],
      ['sign', 'e', '--key', given],
      ['verify', 'e', '--key', given],
    ]) {
      const ran = casemateIn(folder)(...args);
      refused(ran, /--key: looks like a key itself/);
      expect(ran.stdout + ran.stderr).not.toContain(given.slice(-80, -40));
    }
    expect(existsSync(join(folder, 'new'))).toBe(false);
  });

  it('is in no bundle and no word that is printed', () => {
    const folder = own({});
    const ran = casemateIn(folder)('build', '.', '-v', '--evidence', 'e', '--key', 'key');
    expect(ran.status).toBe(0);
    const secret = key.privatePem.split('\n')[1]!;
    const raw = Buffer.from(secret, 'base64').subarray(-32);
    const bundle = readFileSync(join(folder, 'e'));
    for (const text of [ran.stdout, ran.stderr, bundle.toString('latin1')]) expect(text).not.toContain(secret);
    expect(bundle.includes(raw)).toBe(false);
    expect(bundle.includes(raw.toString('hex'))).toBe(false);
    expect(readdirSync(folder).filter((name) => name !== 'key')).not.toContain(secret);
  });

  it('that a bundle brings along is not asked', () => {
    const folder = own({ 'thief.pub': thief.publicPem });
    writeFileSync(join(folder, 'e'), signed);
    const files = new Map(readBundle(join(folder, 'e')).files);
    files.delete('evidence.dsse.json');
    const stolen = signBundle(files as Bundle, [thief.signing]);
    const write = (all: ReadonlyMap<string, Uint8Array>): void =>
      writeFileSync(join(folder, 'e'), Buffer.concat([...packBundle(all as Bundle)]));
    const verify = () => casemateIn(folder)('verify', 'e', '--key', 'key.pub');
    write(stolen);
    expect(verify().status).toBe(1);
    // Beside the files, and inside of the envelope.
    write(new Map([...stolen, ['key.pub', Buffer.from(thief.publicPem)]]));
    refused(verify(), /key\.pub/);
    const envelope = JSON.parse(Buffer.from(stolen.get('evidence.dsse.json')!).toString());
    for (const one of envelope.signatures) one.keyid = key.signing.id;
    write(new Map([...stolen, ['evidence.dsse.json', canonicalBytes(envelope)]]));
    expect(verify().status).toBe(1);
    write(new Map([...stolen, ['evidence.dsse.json', canonicalBytes({ ...envelope, publicKey: thief.publicPem })]]));
    expect([1, 2]).toContain(verify().status);
    // By its own key it is what it says; nobody else is asked for.
    write(stolen);
    expect(casemateIn(folder)('verify', 'e', '--key', 'thief.pub').status).toBe(0);
  });

  it('has to be named: nothing is verified, gated or slid by nobody’s', () => {
    const folder = own({});
    const run = casemateIn(folder);
    writeFileSync(join(folder, 'e'), signed);
    expect(run('init-policy', '-o', 'policy.json').status).toBe(0);
    refused(run('verify', 'e'), /by whose key/);
    refused(run('gate', 'e', '--policy', 'policy.json'), /--key/);
    refused(run('slide', '--bundle', 'e', '-o', 'launch.hvt'), /--key/);
    expect(existsSync(join(folder, 'launch.hvt'))).toBe(false);
  });
});

describe('an entry of the cache of proofs', () => {
  it('that nobody sealed proves nothing', () => {
    const claim = '@requires 0 < n && 0 < m\n * @ensures result !== 177777';
    const sum = `import type { u16 } from 'casemate';\n/**\n * ${claim}\n */\nexport function f(n: u16, m: u16): number {\n  return n + 2 * m;\n}\n`;
    const folder = own({ 'false.ts': sum });
    const run = casemateIn(folder);
    expect(run('prove', 'twice.ts', '--cache', 'cache').status).toBe(0);
    expect(run('prove', 'false.ts', '--cache', 'cache').status).toBe(1);
    // Every answer becomes the one that proves.
    const all = readdirSync(join(folder, 'cache'), { recursive: true, encoding: 'utf8' });
    let changed = 0;
    for (const name of all.filter((one) => one.endsWith('.json'))) {
      const path = join(folder, 'cache', name);
      const text = readFileSync(path, 'utf8');
      const forged = text.replaceAll(/"sat"|"unknown"/g, '"unsat"');
      if (forged !== text) changed++;
      writeFileSync(path, forged);
    }
    expect(changed).toBeGreaterThan(0);
    expect(run('prove', 'false.ts', '--cache', 'cache').status).toBe(1);
  });
});

describe('a note of another object', () => {
  it('that says "proved" is a claim, and evidence has no proof by it', () => {
    const built = join(own({}), 'x');
    mkdirSync(built);
    writeFileSync(join(built, 'e'), signed);
    const { image } = readBundle(join(built, 'e'));
    const note = readElfFile(image, 'app').sections.find(({ name }) => name === '.note.casemate')!.data;
    const bytes = [...note].join(',');
    const claims = `__asm__(".section .note.casemate,\\"a\\",@note\\n.byte ${bytes}\\n.previous");
int twice(int n) { return n; }
`;
    const folder = project({
      'casemate.json': JSON.stringify({ ...manifest, sources: ['main.c', 'claims.c'] }),
      'main.c': main.replace('#include "verified.h"', 'int twice(int n);'),
      'claims.c': claims,
    });
    const ran = casemateIn(folder)('build', '.', '-q', '--evidence', 'e');
    if (ran.status !== 0) return refused(ran, /note/);
    const { evidence } = readBundle(join(folder, 'e'));
    expect(evidence.proofs).toBeUndefined();
    expect(JSON.stringify(evidence.tcb)).not.toContain('verified');
    return undefined;
  });
});
