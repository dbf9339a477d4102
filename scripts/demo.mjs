/**
 * The main job, shown step by step: build the example unikernels with our linker, harden one, and boot them.
 *
 * Every step prints the command that a user would type, runs it, and compares what came out with what should; the first
 * difference ends the demo with a failure.
 */
import { spawn } from 'node:child_process';
import { mkdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const casemate = 'dist/casemate.js';
const terminal = process.stdout.isTTY === true;
const bold = (text) => (terminal ? `\x1b[1m${text}\x1b[0m` : text);
const running = new Set();
let steps = 0;

for (const [signal, status] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
]) {
  process.on(signal, () => process.exit(status));
}
process.on('exit', () => {
  for (const child of running) child.kill('SIGTERM');
});

/** Ends the demo. */
function stop(message) {
  process.stdout.write(`\n${bold('demo failed:')} ${message}\n`);
  process.exit(1);
}

/** Starts `casemate` with `args` under the title of a step; `ended` checks its exit status and output. */
function start(title, args, { seconds = 180 } = {}) {
  const command = `casemate ${args.map((arg) => (/[^\w./:=,@-]/.test(arg) ? `'${arg}'` : arg)).join(' ')}`;
  process.stdout.write(`\n${bold(`${++steps}. ${title}`)}\n   $ ${command}\n`);
  const child = spawn(process.execPath, [casemate, ...args], { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
  running.add(child);
  const timer = setTimeout(() => stop(`${command}: still running after ${seconds} s`), seconds * 1000);
  const watchers = [];
  let output = '';
  let atLineStart = true;
  const show = (chunk) => {
    const text = chunk.toString('utf8').replaceAll('\r', '');
    output += text;
    for (const piece of text.split(/(?<=\n)/)) {
      process.stdout.write(atLineStart ? `   ${piece}` : piece);
      atLineStart = piece.endsWith('\n');
    }
    for (const watcher of watchers) watcher();
  };
  child.stdout.on('data', show);
  child.stderr.on('data', show);
  child.on('error', (error) => stop(`${command}: ${error.message}`));
  const closed = new Promise((done) => {
    child.on('close', (code, signal) => {
      running.delete(child);
      clearTimeout(timer);
      if (!atLineStart) process.stdout.write('\n');
      done(signal ?? `status ${code}`);
    });
  });
  return {
    /** Waits until the output matches. */
    shows: (pattern) =>
      new Promise((done) => {
        const watcher = () => pattern.test(output) && done();
        watchers.push(watcher);
        watcher();
        closed.then((end) => pattern.test(output) || stop(`${command}: ended with ${end} before it showed ${pattern}`));
      }),
    /** Waits for the end; the status and every pattern must be as expected. */
    ended: async ({ status = 0, expected = [] } = {}) => {
      const end = await closed;
      if (end !== `status ${status}`) stop(`${command}: ended with ${end}, expected status ${status}`);
      const missing = expected.find((pattern) => !pattern.test(output));
      if (missing !== undefined) stop(`${command}: its output does not match ${missing}`);
    },
  };
}

const step = (title, args, expectation) => start(title, args).ended(expectation);

// The lock in an example's folder is this machine's; after an upgrade of the compiler it is simply made anew.
const build = (name) =>
  step(`Build "${name}": compile, link, check, package`, ['build', `examples/${name}`, '--update-lock'], {
    expected: [new RegExp(`build/${name}\\.hvt: `), /r-x .*\.text/],
  });

/** A TCP port that nobody uses at the moment. */
function freePort() {
  return new Promise((done, failed) => {
    const server = createServer().on('error', failed);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => done(port));
    });
  });
}

/** Sends text to a port of this machine and returns what comes back until `length` characters have. */
function exchange(port, text) {
  return new Promise((done) => {
    let answer = '';
    const socket = connect(port, '127.0.0.1', () => socket.write(text));
    socket.setTimeout(30_000, () => stop(`no answer from the unikernel on port ${port}`));
    socket.on('error', (error) => stop(`talking to the unikernel on port ${port}: ${error.message}`));
    socket.on('data', (chunk) => {
      answer += chunk.toString('utf8');
      if (answer.length >= text.length) socket.end();
    });
    socket.on('close', () => done(answer));
  });
}

process.stdout.write(
  `${bold('casemate')} builds unikernels from C with its own linker, hardens them and boots them.\n`,
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

process.stdout.write(`\n${bold('demo passed:')} ${steps} steps\n`);
