/**
 * What the analysis of erasure costs: each scrubber of the tests' matrix, by two compilers for two machines, and each entry
 * point of Debian's cryptographic libraries; the time of one function, replay of its residue included, in one process
 * that judges one after the other as `casemate secrets` does.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readSubject } from '../../hardening/subject.ts';
import { analyzeErasure } from '../../hardening/zeroization/analyze.ts';
import { followedImage } from '../../hardening/zeroization/from-subject.ts';
import type { FollowedImage, Question } from '../../hardening/zeroization/question.ts';
import { questionOf } from '../../test/support/erasure/analysis.ts';
import { cryptography, linkCryptography } from '../../test/support/erasure/crypto.ts';
import { linkBuild, scrubberQuestion } from '../../test/support/erasure/matrix.ts';
import { riscv, x86 } from '../../test/support/toolchain.ts';
import { type Check, median } from '../report.ts';

const X25519 = 'crypto_scalarmult_curve25519';
/** Milliseconds; bytes. */
const limits = { scrubber: 20, crypto: 500, x25519: 10_000, memory: 2 ** 30 };

interface Timed {
  readonly name: string;
  readonly ms: number;
}

const timed = (image: FollowedImage, questions: readonly Question[]): Timed[] =>
  questions.map((question) => {
    const start = performance.now();
    analyzeErasure(image, question);
    return { name: question.function, ms: performance.now() - start };
  });

function row(what: string, all: readonly Timed[]): string {
  const slowest = all.reduce((a, b) => (b.ms > a.ms ? b : a));
  const middle = median(all.map(({ ms }) => ms)).toFixed(1);
  return `| ${what} | ${all.length} | ${middle} | ${slowest.ms.toFixed(0)} (${slowest.name}) |`;
}

/** Rows of Markdown, and what is asked of the figures. */
export async function measureAnalysis(): Promise<{ readonly text: string; readonly checks: readonly Check[] }> {
  const folder = mkdtempSync(join(tmpdir(), 'casemate-analysis-'));
  try {
    const rows: string[] = [];
    const scrubbers: Timed[] = [];
    for (const [target, compiler] of [
      [x86, 'gcc'],
      [x86, 'clang'],
      [riscv, 'riscv64-linux-gnu-gcc'],
      [riscv, 'clang'],
    ] as const) {
      const { followed, scrubbers: names } = await linkBuild({ target, compiler, level: '-O2' }, folder);
      const own = timed(followed, names.map(scrubberQuestion));
      rows.push(row(`scrubbers, ${target.name}, ${compiler} -O2`, own));
      scrubbers.push(...own);
    }
    const image = await linkCryptography(join(folder, 'cryptography'));
    const followed = followedImage(readSubject(readFileSync(image.path), 'cryptography'));
    const questions = cryptography.flatMap(({ subjects }) => subjects.map(questionOf));
    const crypto = timed(followed, questions);
    rows.push(row('libsodium, mbed TLS, BearSSL, x86-64', crypto));
    const x25519 = crypto.find(({ name }) => name === X25519)!.ms;
    // What this process has ever held, in KiB.
    const memory = process.resourceUsage().maxRSS * 1024;
    const check = (what: string, value: number, limit: number, unit: string, scale = 1): Check => ({
      what: `${what}: ${(value / scale).toFixed(1)} ${unit} (limit ${limit / scale} ${unit})`,
      held: value <= limit,
    });
    return {
      text: `| functions | number | median, ms | slowest, ms |\n| --- | --- | ---: | ---: |\n${rows.join('\n')}`,
      checks: [
        check('median scrubber', median(scrubbers.map(({ ms }) => ms)), limits.scrubber, 'ms'),
        check('median cryptographic function', median(crypto.map(({ ms }) => ms)), limits.crypto, 'ms'),
        check('X25519', x25519, limits.x25519, 's', 1000),
        check('memory, all in one process', memory, limits.memory, 'MiB', 2 ** 20),
      ],
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
