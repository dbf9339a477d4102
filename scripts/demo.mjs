/**
 * The main job, shown step by step: build the example unikernels with our linker, harden one, boot them; then the whole
 * pipeline on a DNS server, from the proof of its source to a release that somebody else has checked (demo/dns.mjs).
 */
import { mkdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { dnsPipeline } from './demo/dns.mjs';
import { bold, build, exchange, freePort, root, start, step, stepCount, stop } from './demo/steps.mjs';

process.stdout.write(
  `${bold('casemate')} builds unikernels with its own linker, hardens them, boots them, and leaves evidence.\n`,
);

await build('hello');
await step(
  'Boot it: it greets whom it is told to, and its exit status comes through',
  ['boot', 'examples/hello/build/hello.hvt', '--', 'Ada', '--exit=3'],
  { status: 3, expected: [/^Hello, Ada!$/m, /^time: 20\d\d-/m, /^slept: at least 10 ms: yes$/m] },
);

mkdirSync(new URL('../.cache', import.meta.url), { recursive: true });
const [hardened, launch] = ['.cache/demo-hello.hvt', '.cache/demo-launch.hvt'];
await step(
  'Harden it: a start-up stub enforces what its segments only declare',
  ['harden', 'examples/hello/build/hello.hvt', '-o', hardened],
  { expected: [/^ *enforced +execute-only text/m, /^ *enforced +guarded stack/m, /^ *enforced +new layout/m] },
);
await step('Try its protections: programs that break them must be stopped', ['boot', '--probe', hardened], {
  expected: [/reads code: page fault/, /executes its stack: page fault/, /^ *0 failed, 0 unknown/m],
});
await step('Give it a layout of its own for this launch', ['slide', hardened, '-o', launch]);
await step('Prove that it is the same program', ['slide', '--check', hardened, launch], {
  expected: [/is a slide of .*: every byte is accounted for/],
});
await step('Boot it: it does what it did', ['boot', launch, '--', 'Ada'], { expected: [/^Hello, Ada!$/m] });

await build('kv');
const disk = '.cache/demo-store.img';
rmSync(`${root}/${disk}`, { force: true });
writeFileSync(`${root}/${disk}`, '');
truncateSync(`${root}/${disk}`, 1 << 20);
const kv = ['boot', 'examples/kv/build/kv.hvt', '--block', `store=${disk}`, '--'];
await step('Boot it on an empty disk and store something', [
  ...kv,
  'format',
  ';',
  'set',
  'greeting',
  'hello',
  ';',
  'incr',
  'boots',
]);
await step('Boot it again: what was stored is still there', [...kv, 'get', 'greeting', ';', 'incr', 'boots'], {
  expected: [/^hello$/m, /^2$/m],
});

await build('echo');
const port = await freePort();
const echo = start('Boot it behind a forwarded port, for one connection', [
  ...['boot', 'examples/echo/build/echo.hvt', '--net', `net0=user,hostfwd=tcp:127.0.0.1:${port}-:7`],
  ...['--', '--connections=1'],
]);
await echo.shows(/listening on /);
const sent = 'Is anybody there?\n';
const answer = await exchange(port, sent);
process.stdout.write(`   (this machine) sent ${JSON.stringify(sent)}, got ${JSON.stringify(answer)}\n`);
if (answer !== sent) stop('the unikernel answered something else');
await echo.ended();

const [riscv, protectedRiscv] = ['.cache/demo-hello.riscv64', '.cache/demo-hardened.riscv64'];
await step(
  'Build "hello", unchanged, for a bare RISC-V machine',
  ['build', 'examples/hello', '--target', 'riscv64', '--update-lock', '-o', riscv],
  { expected: [/demo-hello\.riscv64: /, /r-x .*\.text/] },
);
await step('Harden it: execute-only text, and new addresses at every start', ['harden', riscv, '-o', protectedRiscv], {
  expected: [/^ *enforced +execute-only text/m, /^ *enforced +new addresses at every start/m],
});
await step('Boot it in S-mode, on firmware alone', ['boot', protectedRiscv, '--', 'Ada', '--exit=3'], {
  status: 3,
  expected: [/^Hello, Ada!$/m, /^heap: \d+ KiB from 0x[0-9a-f]{9,}$/m],
});

const lines = await dnsPipeline();
process.stdout.write(`\n${bold('demo passed:')} ${stepCount()} steps\n${lines.join('\n')}\n`);
