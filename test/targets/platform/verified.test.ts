/**
 * casemate/platform means the same under Node.js and in C: one verified program that uses all of it, run in a world that
 * is made alike for both.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { NEVER, simulate, yieldUntil } from 'casemate/platform/node';
import { describe, expect, it } from 'vitest';
import { Wire } from '../../e2e/host/wire.ts';
import { projectRoot, temporaryFolder } from '../../support/paths.ts';
import { run } from '../../support/run.ts';
import { requireTool, requireTools } from '../../support/tools.ts';
import { buildVerified, programOfFile } from '../../support/verified-host.ts';
import { main } from './exercise.ts';

requireTools('gcc');

const here = (path: string): string => join(projectRoot, path);
const frame = Uint8Array.from({ length: 60 }, (_, i) => (i * 37) & 255);
const disk = (): Uint8Array => Uint8Array.from({ length: 4096 }, (_, i) => (i * 11) & 255);

const compiled = (change = (text: string): string => text): Promise<string> =>
  buildVerified(programOfFile('test/targets/platform/exercise.ts'), {
    compiler: requireTool('gcc'),
    flags: ['-O1', '-flto', '-Werror=lto-type-mismatch'],
    change,
  });

describe('casemate/platform', () => {
  it('does the same under Node.js and in C', async () => {
    const program = await compiled();
    const path = join(temporaryFolder('platform'), 'disk');
    writeFileSync(path, disk());
    const wire = await Wire.start(program, 'one two', { HOST_BLOCK: path });
    const sent = await wire.send(frame);
    const status = await wire.end();
    let said = '';
    const net = { name: 'net0', mac: Uint8Array.of(2, 0, 0, 0, 0, 1), mtu: 1500, incoming: [] as Uint8Array[] };
    const outgoing: Uint8Array[] = [];
    const block = { name: 'store', blockSize: 512, bytes: disk() };
    const ended = simulate(main, {
      arguments: 'one two',
      nets: [{ ...net, outgoing }],
      blocks: [block],
      console: (bytes) => {
        said += Buffer.from(bytes).toString('latin1');
      },
      wall: () => 1_700_000_000_000_000_000n,
      idle: () => net.incoming.push(frame),
    });
    expect(said).toMatch(/^0{15}1 .*\n(.*\n){6}$/);
    expect(wire.console).toBe(said);
    expect([ended, outgoing.map((one) => Buffer.from(one))]).toEqual([60, [Buffer.from(frame)]]);
    expect([status, sent]).toEqual([60, [Buffer.from(frame)]]);
    expect(Buffer.from(block.bytes).equals(readFileSync(path))).toBe(true);
    expect(block.bytes[513]).toBe(77);
  });

  it('has prototypes in C that are those of lowered code, as the linker sees', async () => {
    const wider = (text: string): string => text.replace('uint32_t mtu;', 'uint64_t mtu;');
    const other = (text: string): string => text.replace('uint32_t casemate_netRead', 'uint64_t casemate_netRead');
    for (const change of [wider, other]) await expect(compiled(change)).rejects.toThrow(/lto-type-mismatch/);
  });

  it('runs a program without a world in the real one, and ends with its status', async () => {
    const folder = temporaryFolder('platform-node');
    const path = join(folder, 'hello.mjs');
    const module = JSON.stringify(here('dist/platform.mjs'));
    writeFileSync(
      path,
      `import { bootArguments, consoleWrite, exit, netAcquire, yieldUntil, clockMonotonic } from ${module};
const text = new Uint8Array(9);
const length = bootArguments(text);
consoleWrite(text, length);
const before = clockMonotonic();
yieldUntil(before + 20_000_000n);
exit(netAcquire(text, text) === undefined && clockMonotonic() >= before + 20_000_000n ? 7 : 1);`,
    );
    expect(await run('node', [path, 'a', 'b'])).toMatchObject({ status: 7, stdout: 'a b' });
  });

  it('ends a simulated program that sleeps for ever, and one that throws as it does', () => {
    const said: bigint[] = [];
    const sleeps = (deadline: bigint) => (): void => {
      for (let i = 0; i < 3; i++) said.push(yieldUntil(deadline));
    };
    expect(simulate(sleeps(NEVER))).toBeUndefined();
    expect(simulate(sleeps(NEVER - 1n))).toBe(0);
    expect(said).toEqual([0n, 0n, 0n]);
    const throws = (): void => {
      throw new RangeError('its own');
    };
    expect(() => simulate(throws)).toThrow('its own');
  });
});
