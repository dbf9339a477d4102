/**
 * How a demo is shown: every step prints the command that a user would type, runs it, and compares what came out with what
 * should; the first difference ends the demo with a failure. What runs is ended with it.
 */
import { spawn } from 'node:child_process';
import { connect, createServer } from 'node:net';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../..', import.meta.url));
const casemate = 'dist/casemate.js';
const terminal = process.stdout.isTTY === true;
export const bold = (text) => (terminal ? `\x1b[1m${text}\x1b[0m` : text);
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
export function stop(message) {
  process.stdout.write(`\n${bold('demo failed:')} ${message}\n`);
  process.exit(1);
}

/** Starts `casemate` with `args` under the title of a step; `ended` checks its exit status and output. */
export function start(title, args, { seconds = 180 } = {}) {
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
    /** Ends it. */
    killed: async () => {
      child.kill('SIGTERM');
      await closed;
    },
    /** Waits for the end; the status and every pattern must be as expected. */
    ended: async ({ status = 0, expected = [] } = {}) => {
      const end = await closed;
      if (end !== `status ${status}`) stop(`${command}: ended with ${end}, expected status ${status}`);
      const missing = expected.find((pattern) => !pattern.test(output));
      if (missing !== undefined) stop(`${command}: its output does not match ${missing}`);
    },
  };
}

export const step = (title, args, expectation) => start(title, args).ended(expectation);

/** Steps so far. */
export const stepCount = () => steps;

// The lock in an example's folder is this machine's; after an upgrade of the compiler it is simply made anew.
export const build = (name) =>
  step(`Build "${name}": compile, link, check, package`, ['build', `examples/${name}`, '--update-lock'], {
    expected: [new RegExp(`build/${name}\\.hvt: `), /r-x .*\.text/],
  });

/** A TCP port that nobody uses at the moment. */
export function freePort() {
  return new Promise((done, failed) => {
    const server = createServer().on('error', failed);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => done(port));
    });
  });
}

/** Sends text to a port of this machine and returns what comes back until `length` characters have. */
export function exchange(port, text) {
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
