/**
 * The whole pipeline on examples/dns, a server in TypeScript: prove, lower, link, harden, boot, ask it something, try its
 * protections, sign, gate, report, verify; and, since that server has no secrets, what examples/vault leaves of its own. For each
 * target that this machine can boot: hvt, riscv64, and seL4 where CASEMATE_SEL4_KERNEL names a kernel.elf.
 */
import { generateKeyPairSync } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { rmSync, writeFileSync } from 'node:fs';
import { bold, build, root, start, step, stop } from './steps.mjs';

const [key, publicKey] = ['.cache/demo-builder.key', '.cache/demo-builder.pub'];
const policyOf = (preset) => `.cache/demo-${preset}.json`;

/** A key for this demo alone, in a file that its owner alone can read. */
function makeKeys() {
  const pair = generateKeyPairSync('ed25519');
  rmSync(`${root}/${key}`, { force: true });
  writeFileSync(`${root}/${key}`, pair.privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 });
  writeFileSync(`${root}/${publicKey}`, pair.publicKey.export({ type: 'spki', format: 'pem' }));
}

/** A UDP port that nobody uses at the moment. */
function freeUdpPort() {
  return new Promise((done, failed) => {
    const socket = createSocket('udp4').on('error', failed);
    socket.bind(0, '127.0.0.1', () => {
      const { port } = socket.address();
      socket.close(() => done(port));
    });
  });
}

/** Asks for the addresses (A) of a name, again and again until there is an answer; the last address. */
function addressOf(name, port) {
  const labels = name.split('.').flatMap((label) => [label.length, ...Buffer.from(label)]);
  const question = Uint8Array.from([0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, ...labels, 0, 0, 1, 0, 1]);
  return new Promise((done) => {
    const socket = createSocket('udp4');
    const ask = () => socket.send(question, port, '127.0.0.1');
    const again = setInterval(ask, 500);
    const end = (answer) => {
      clearInterval(again);
      clearTimeout(late);
      socket.close();
      done(answer);
    };
    const late = setTimeout(() => stop(`no answer from the unikernel on port ${port}`), 60_000);
    socket.on('error', ({ message }) => stop(`asking the unikernel on port ${port}: ${message}`));
    socket.on('message', (message) => {
      if (message[0] !== 0x12 || message[1] !== 0x34) stop('the unikernel answered another question');
      end(message.readUInt16BE(6) === 0 ? 'no answer' : message.subarray(-4).join('.'));
    });
    ask();
  });
}

/** Boots an image behind a forwarded port, asks it, and stops it. */
async function bootAndAsk(title, image, more) {
  const port = await freeUdpPort();
  const args = ['boot', image, '--net', `net0=user,hostfwd=udp:127.0.0.1:${port}-:53`, ...more];
  const server = start(title, args);
  await server.shows(/ready/);
  const answer = await addressOf('www.casemate.test', port);
  process.stdout.write(`   (this machine) www.casemate.test has the address ${answer}\n`);
  if (!/^192\.0\.2\.8[01]$/.test(answer)) stop('expected 192.0.2.80 or 192.0.2.81');
  await server.killed();
}

/** Builds, tries, signs and checks one image; the line to show of it at the end. */
async function release({ target, words, preset = 'strict', build = [], run = [] }) {
  const policy = policyOf(preset);
  const image = `.cache/demo-dns.${target}`;
  const [evidence, report] = [`${image}.evidence`, `${image}.html`];
  await step(
    `Build it for ${words}: lower, compile, link, harden, check, try its protections, and write down what was found`,
    [
      'build',
      'examples/dns',
      '--target',
      target,
      '--update-lock',
      '-o',
      image,
      '--evidence',
      evidence,
      '--probe',
      ...build,
    ],
    { expected: [/verified: \d+ functions? proved in the image/] },
  );
  await bootAndAsk('Boot it, and ask it', image, run);
  await step('Sign what was found, as release 1', ['sign', evidence, '--key', key, '--release', '1']);
  await step('Let a policy decide whether it may go out', ['gate', evidence, '--policy', policy, '--key', publicKey], {
    expected: [/: passed$/m],
  });
  const page = ['report', evidence, '--policy', policy, '--key', publicKey, '-o', report];
  await step('Write a page for people', page);
  const checked = ['verify', evidence, '--key', publicKey, '--min-release', '1', ...run];
  await step('Check it as a stranger would, from the bytes', checked, {
    expected: [/^verified$/m, /obligations, made anew from the bundled sources and proved here/],
  });
  return `${bold(target.padEnd(8))} ${image}, ${evidence}, ${report}: proved, booted, probed, signed, passed, verified`;
}

/** All of it; one line for each target. */
export async function dnsPipeline() {
  makeKeys();
  await step(
    'Prove a DNS server: no index leaves its array, every loop ends, every contract holds, for all inputs',
    ['prove', 'examples/dns/main.ts'],
    { expected: [/^\d+ proved/m] },
  );
  await step('Write a policy', ['init-policy', '-o', policyOf('strict')]);
  await build('vault');
  await step(
    'Follow its machine code: nothing is left of a key, in dead stack, registers or memory',
    ['secrets', 'examples/vault/build/vault.hvt'],
    { expected: [/^ *erased +eraseKey/m, /^\d+ erased$/m] },
  );
  const lines = [
    await release({ target: 'hvt', words: 'hvt, which is x86-64' }),
    await release({ target: 'riscv64', words: 'a bare RISC-V machine' }),
  ];
  const kernel = process.env.CASEMATE_SEL4_KERNEL;
  if (kernel === undefined) return [...lines, 'sel4     left out: CASEMATE_SEL4_KERNEL names no kernel.elf'];
  const given = ['--kernel', kernel];
  // What strict says of it depends on how the kernel was configured.
  await step('Write a policy for seL4', ['init-policy', '--preset', 'baseline', '-o', policyOf('baseline')]);
  return [...lines, await release({ target: 'sel4', words: 'seL4', preset: 'baseline', build: given, run: given })];
}
