/**
 * The commands of docs/verify-by-hand.md as they stand there, run by a shell on a bundle of examples/dns, and on bundles that
 * say something else than they should.
 */
import { execFile } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { packBundle, unpackBundle } from '../../evidence/bundle.ts';
import { signBundle } from '../../evidence/envelope.ts';
import { buildWithEvidence } from '../../pipeline/build-evidence.ts';
import { makeKey } from '../support/keys.ts';
import { isLong } from '../support/long.ts';
import { projectRoot, temporaryFolder } from '../support/paths.ts';
import { requireTools } from '../support/tools.ts';
import { exampleCopy, provedByProgram, silent } from '../targets/hvt/guest.ts';

requireTools(
  'clang',
  'jq',
  'openssl',
  'qemu-system-riscv64',
  'readelf',
  'riscv64-linux-gnu-objdump',
  'tar',
  'z3',
  'cvc5',
);

const page = readFileSync(join(projectRoot, 'docs/verify-by-hand.md'), 'utf8');
const blocks = [...page.matchAll(/^```sh\n([\s\S]*?)^```/gm)].map(([, text]) => text!);
/** Asking hundreds of questions, and all that is made of them. */
const isSlow = (block: string): boolean => /holds\.txt|cvc5\.txt/.test(block);

const key = makeKey();
let bundle: Uint8Array;

beforeAll(async () => {
  const folder = exampleCopy('dns');
  const path = join(folder, 'app.evidence');
  await buildWithEvidence(
    { folder, target: 'riscv64', lock: 'update', progress: silent, proofs: provedByProgram() },
    { path, keys: [key.signing], predicate: { release: 1 }, measure: false },
  );
  bundle = readFileSync(path);
}, 240_000);

/** Runs blocks one after the other in one shell; its exit status and all that it said. */
function run(text: string, bytes: Uint8Array): Promise<{ status: number; said: string }> {
  const cwd = temporaryFolder('by-hand');
  writeFileSync(join(cwd, 'app.evidence'), bytes);
  writeFileSync(join(cwd, 'builder.pub'), key.publicPem);
  return new Promise((done) => {
    const child = execFile('bash', ['-c', text], { cwd, maxBuffer: 1 << 26 }, (error, stdout, stderr) =>
      done({ status: error === null ? 0 : Number(error.code), said: stdout + stderr }),
    );
    child.stdin?.end();
  });
}

/** The bundle with a file changed, signed by the right key again if told so. */
function changed(name: string, change: (bytes: Buffer) => void, isSigned: boolean): Uint8Array {
  const files = new Map(unpackBundle(bundle, 'app.evidence'));
  const bytes = Buffer.from(files.get(name)!);
  change(bytes);
  files.set(name, bytes);
  return Buffer.concat([...packBundle(isSigned ? signBundle(files, [key.signing], { release: 1 }) : files)]);
}

describe('docs/verify-by-hand.md', () => {
  it('has a block for each kind of claim', () => expect(blocks.length).toBeGreaterThanOrEqual(10));

  it('passes on a release, command by command', async () => {
    const { status, said } = await run(blocks.filter((block) => isLong || !isSlow(block)).join('\n'), bundle);
    expect(status, said.slice(-2000)).toBe(0);
    expect(said).toContain('release 1');
    expect(said).toMatch(/ --x--a-$/m);
  }, 240_000);

  it.each(['dns.riscv64', 'evidence.json', 'evidence.dsse.json'])(
    'fails where a bit of %s is another',
    async (name) => {
      const flipped = changed(name, (bytes) => bytes.writeUInt8(bytes[200]! ^ 1, 200), false);
      expect((await run(blocks[0]!, flipped)).status).not.toBe(0);
    },
  );

  it('fails where text is writable, and the builder signed it', async () => {
    // The first program header's flags: readable and executable in an image of ours.
    const writable = changed(
      'dns.riscv64',
      (bytes) => bytes.writeUInt32LE(7, Number(bytes.readBigUInt64LE(32)) + 4),
      true,
    );
    const declared = blocks.find((block) => block.includes('readelf -lW'))!;
    expect((await run(blocks[0]!, writable)).status).toBe(0);
    expect((await run(`${blocks[0]}\n${blocks[1]}`, writable)).status).not.toBe(0);
    expect((await run(`${blocks[0]}\n${declared}`, writable)).status).not.toBe(0);
    expect((await run(`${blocks[0]}\n${declared}`, bundle)).status).toBe(0);
  });
});
