/**
 * `casemate boot` as a user meets it, and bootHvt where the command cannot show it: streaming, interrupts, missing
 * programs, the choice of the tender.
 */
import { spawn } from 'node:child_process';
import { chmodSync, copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, describe, expect, it } from 'vitest';
import { bootHvt } from '../../../targets/hvt/boot.ts';
import { projectRoot, temporaryFolder } from '../../support/paths.ts';
import { run } from '../../support/run.ts';
import { buildTestGuest, host } from './emulator-guest.ts';

let calls: string;
let probe: string;
let withDevices: string;
let disk: string;
beforeAll(async () => {
  disk = join(temporaryFolder('disk'), 'disk.img');
  writeFileSync(disk, Buffer.alloc(4096));
  calls = await buildTestGuest('calls');
  probe = await buildTestGuest('probe');
  withDevices = await buildTestGuest('calls', [
    { name: 'net0', type: 'net' },
    { name: 'disk', type: 'block' },
  ]);
});

const cli = join(projectRoot, 'dist/casemate.js');
const casemate = (args: readonly string[], options = {}) =>
  run(process.execPath, [cli, 'boot', '--tender', 'emulator', '--mem', '64', ...args], options);

/** Whether a process runs; one that has ended but that nobody has asked about does not. */
function isRunning(pid: string): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}

describe('casemate boot', () => {
  it.each([0, 1, 77, 255])('passes the guest’s status %i through', async (status) => {
    const result = await casemate([calls, '--', `status=${status}`]);
    expect(result).toMatchObject({ status, stdout: '', stderr: status === 255 ? 'casemate: the guest aborted\n' : '' });
  });

  it('prints what the guest prints and nothing else', async () => {
    const result = await casemate([calls, 'print', 'this', '--', 'and that']);
    expect(result).toMatchObject({ status: 0, stdout: 'print this and that', stderr: '' });
  });

  it('takes an image and storage from paths with every kind of character', async () => {
    const folder = join(temporaryFolder('boot'), 'a,b=c d"e\'f:g');
    mkdirSync(folder);
    const image = join(folder, '-i,m=g.hvt');
    copyFileSync(withDevices, image);
    writeFileSync(join(folder, 'd,i=s:k.img'), Buffer.alloc(4096));
    const block = ['--block', `disk=${join(folder, 'd,i=s:k.img')}`];
    expect(await casemate(['--net', 'net0', ...block, image, '--', 'status=9'])).toMatchObject({
      status: 9,
      stderr: '',
    });
  });

  it('says which devices the image wants when one is missing', async () => {
    const result = await casemate([withDevices, '--net', 'net0=user']);
    expect(result).toMatchObject({ status: 2, stdout: '' });
    expect(result.stderr).toBe(
      'casemate: error: every device of the image must be attached; add --block disk=FILE; ' +
        'the image\'s devices are net "net0", block "disk"\n',
    );
  });

  it.each([
    ['an image that is none', () => [join(projectRoot, 'package.json')], 125, /package\.json: not an ELF file$/],
    ['no image', () => ['missing.hvt'], 2, /missing\.hvt: no such file$/],
    ['storage that is missing', () => ['--net', 'net0', '--block', 'disk=/nowhere/x', withDevices], 2, /no such file/],
    ['a guest that writes to text', () => [probe, 'write-text'], 126, /the guest was killed: write to 0x100000/],
    ['a guest that does not end', () => ['--timeout', '0.7', calls, 'spin'], 124, /still running after 0\.7 s$/],
    ['memory that is no number', () => ['--mem', 'lots', calls], 2, /--mem lots: must be a number$/],
    ['a processor that QEMU does not know', () => ['--cpu', 'i8086', calls], 3, /unable to find CPU model 'i8086'/],
    [
      'a network that QEMU does not know',
      () => ['--net', 'net0=pigeon', '--block', `disk=${disk}`, withDevices],
      3,
      /pigeon/,
    ],
  ])('ends with one line and a status of its own for %s', async (_, args, status, line) => {
    const result = await casemate(args());
    expect(result.status).toBe(status);
    expect(result.stderr).toMatch(/^casemate: error: [^\n]+\n$/);
    expect(result.stderr.trimEnd()).toMatch(line);
  });

  it('names the package when QEMU is missing', async () => {
    const result = await casemate([calls], { env: { PATH: temporaryFolder('empty') } });
    expect(result).toMatchObject({ status: 3, stdout: '' });
    expect(result.stderr).toBe(
      'casemate: error: qemu-system-x86_64: not found on PATH; install it with: apt-get install qemu-system-x86\n',
    );
  });

  it.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)('kills the machine on %s', async (signal, status) => {
    const child = spawn(process.execPath, [cli, 'boot', '--tender', 'emulator', '--mem', '64', calls, 'spin']);
    const said = await new Promise((resolve) => child.stdout.once('data', (chunk) => resolve(String(chunk))));
    expect(said).toBe('spinning\n');
    const machines = readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8').trim().split(' ');
    expect(machines).toHaveLength(1);
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill(signal);
    expect(await ended).toBe(status);
    await expect.poll(() => isRunning(machines[0])).toBe(false);
  });

  it('ends quietly when its reader goes away', async () => {
    const child = spawn(process.execPath, [cli, 'boot', '--tender', 'emulator', '--mem', '64', calls, 'flood']);
    let errors = '';
    child.stderr.on('data', (chunk) => {
      errors += chunk;
    });
    child.stdout.once('data', () => child.stdout.destroy());
    await new Promise((resolve) => child.once('exit', resolve));
    expect(errors).toBe('');
  });
});

describe('bootHvt', () => {
  it('shows output while the guest runs, and stops the guest when asked', async () => {
    const abort = new AbortController();
    const image = { image: calls, args: ['spin'], memory: 64, tender: 'emulator' as const };
    const onConsole = (chunk: Uint8Array): void => {
      expect(Buffer.from(chunk).toString()).toBe('spinning\n');
      abort.abort();
    };
    await expect(bootHvt({ ...image, onConsole, abort: abort.signal }, host)).rejects.toThrow(
      /stopped \(signal SIGKILL\)/,
    );
  });

  it('does not use the processor while the guest waits', async () => {
    let pid = 0;
    const watched = {
      ...host,
      spawn: (...args: Parameters<typeof host.spawn>) => {
        const child = host.spawn(...args);
        pid = child.pid!;
        return child;
      },
    };
    const image = await buildTestGuest('calls', [{ name: 'net0', type: 'net' }]);
    const nets = [{ name: 'net0', backend: 'user', options: 'restrict=on' }];
    const running = bootHvt({ image, args: ['echo'], nets, memory: 64, timeout: 4, tender: 'emulator' }, watched);
    const ticks = (): number => {
      const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
        .replace(/^.*\) /, '')
        .split(' ');
      return Number(fields[11]) + Number(fields[12]);
    };
    await sleep(2000);
    const before = ticks();
    await sleep(1500);
    expect(ticks() - before).toBeLessThan(15); // hundredths of a second
    expect(await running).toMatchObject({ outcome: 'timeout' });
  });

  /** A stand-in for a real tender, which cannot be had here: prints its arguments and ends as told. */
  function fakeTender(ending: string): typeof host {
    const path = join(temporaryFolder('tender'), 'solo5-hvt');
    writeFileSync(path, `#!/bin/sh\nfor word; do echo "$word"; done\n${ending}\n`);
    chmodSync(path, 0o755);
    return { ...host, kvm: true, find: (name) => (name === 'solo5-hvt' ? path : undefined) };
  }

  it('hands a real tender the image, its devices and its arguments', async () => {
    const tender = fakeTender('exit 7');
    expect(await bootHvt({ image: calls, args: ['a b', '-c'] }, tender)).toEqual({
      ...{ outcome: 'halted', status: 7, reason: '', tender: 'solo5-hvt' },
      console: `--mem=512\n--\n${calls}\na b\n-c\n`,
    });
  });

  it.each([
    ['solo5-hvt: KVM: unhandled exit: exit_reason=0x6, rip=0x10403a', 'killed'],
    ['solo5-hvt: hvt_core.c:102: Invalid guest access: gpa=0x4000000, sz=8', 'killed'],
    ['solo5-hvt: x.hvt: Executable requests unsupported ABI version 3', 'refused'],
  ])('understands a real tender’s last words: %s', async (words, outcome) => {
    const tender = fakeTender(`echo '${words}' >&2; exit 1`);
    expect(await bootHvt({ image: calls, tender: 'solo5-hvt' }, tender)).toMatchObject({
      outcome,
      status: -1,
      reason: words.slice('solo5-hvt: '.length),
    });
  });

  it('takes the emulator where a real tender cannot do what is asked', async () => {
    const noQemu = bootHvt(
      {
        image: withDevices,
        blocks: [{ name: 'disk', path: disk }],
        nets: [{ name: 'net0', backend: 'user', options: '' }],
      },
      fakeTender('exit 0'),
    );
    await expect(noQemu).rejects.toThrow(/^qemu-system-x86_64: not found/);
    const forced = bootHvt(
      {
        image: withDevices,
        tender: 'solo5-hvt',
        blocks: [{ name: 'disk', path: disk }],
        nets: [{ name: 'net0', backend: 'user', options: '' }],
      },
      fakeTender('exit 0'),
    );
    await expect(forced).rejects.toThrow(/--tender solo5-hvt: it attaches networks by NAME=tap/);
  });

  it('takes a real tender only with hardware virtualisation', async () => {
    const bare = { ...fakeTender('exit 0'), kvm: false };
    await expect(bootHvt({ image: calls }, bare)).rejects.toThrow(/^qemu-system-x86_64: not found/);
    await expect(bootHvt({ image: calls, tender: 'solo5-hvt' }, bare)).rejects.toThrow(/^\/dev\/kvm: cannot be used/);
  });

  it('says so when the emulator is not built', async () => {
    const bare = { ...host, emulator: join(temporaryFolder('none'), 'hvt-emulator.elf') };
    await expect(bootHvt({ image: calls, tender: 'emulator' }, bare)).rejects.toThrow(/not built; run: npm run build$/);
  });
});
