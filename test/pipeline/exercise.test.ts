/** What probes came to, as evidence has it: where it was tried, that it was not the image, and the same each time. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Evidence } from '../../evidence/evidence.ts';
import { buildWithEvidence } from '../../pipeline/build-evidence.ts';
import { readBundle } from '../../pipeline/bundle-file.ts';
import { createProgress } from '../../pipeline/progress.ts';
import { verifyBundle } from '../../pipeline/verify.ts';
import { projectRoot, temporaryFolder } from '../support/paths.ts';
import { findTool, requireTools } from '../support/tools.ts';
import { project } from './support.ts';

requireTools('clang');

const quiet = createProgress({ write: () => {}, terminal: false, verbose: false, now: () => 0, patience: 1e6 });
const host = { find: findTool, spawn, emulator: join(projectRoot, 'dist/hvt-emulator.elf') };
const files = {
  'main.c': '#include "solo5.h"\nint solo5_app_main(const struct solo5_start_info *i) { (void)i; return 0; }\n',
};

async function built(harden: object | undefined, cpu?: string): Promise<{ path: string; evidence: Evidence }> {
  const manifest = { name: 'app', target: 'hvt', sources: ['main.c'], ...(harden && { harden }) };
  const folder = project({ ...files, 'casemate.json': JSON.stringify(manifest) });
  const path = join(temporaryFolder('exercise'), 'app.evidence');
  await buildWithEvidence(
    { folder, lock: 'verify', progress: quiet, proofs: {} },
    { path, keys: [], predicate: {}, measure: false, probe: { host, ...(cpu !== undefined && { cpu }) } },
  );
  return { path, evidence: readBundle(path).evidence };
}

const probesOf = ({ findings }: Evidence) => findings.filter(({ rule }) => rule === 'probes');

describe('what probes came to', () => {
  let first: Awaited<ReturnType<typeof built>>;
  beforeAll(async () => {
    first = await built({});
  }, 120_000);

  it('is in the evidence, tried on a machine that is named, and says that the probe is not the image', () => {
    const probes = probesOf(first.evidence);
    expect(probes.length).toBeGreaterThan(30);
    for (const { state, outcome, details, message } of probes) {
      expect({ state, outcome }).toEqual({ state: 'exercised', outcome: 'pass' });
      expect(details).toEqual([
        expect.stringMatching(/^tried on QEMU emulator version \d+\.\d+.*, machine microvm, processor EPYC-Milan$/),
        'by another program with the same protections, which is not this image',
      ]);
      expect(message).not.toMatch(/0x[0-9a-f]{4}/);
    }
    expect(probes.map(({ message }) => message)).toContainEqual(
      expect.stringMatching(/executes its stack: page fault executing an address/),
    );
  });

  it('is the same for the same build, whatever was drawn', async () => {
    const second = await built({});
    expect(probesOf(second.evidence)).toEqual(probesOf(first.evidence));
  }, 60_000);

  it('is taken on trust by who verifies, and said to be', async () => {
    const { untrue, trusted } = await verifyBundle({ path: first.path, keys: [], prove: false, step: () => {} });
    expect(untrue).toEqual([]);
    expect(trusted.filter((line) => line.includes('a probe ran where it was made')).length).toBe(
      probesOf(first.evidence).length,
    );
  });

  it('fails for an image that was not hardened, and names another processor where one was asked for', async () => {
    const probes = probesOf((await built(undefined, 'EPYC')).evidence);
    const outcome = (tries: string) => probes.find(({ message }) => message.includes(tries))?.outcome;
    expect(outcome('executes its stack')).toBe('fail');
    expect(probes[0]!.details[0]).toMatch(/processor EPYC$/);
  }, 60_000);
});
