/**
 * Debian's U-Boot for QEMU's virt machine, as a judge of images: a file is put into memory, and U-Boot is told at its
 * prompt to boot it.
 */
import { spawn } from 'node:child_process';

const U_BOOT = '/usr/lib/u-boot/qemu-riscv64_smode/uboot.elf';
/** Where the file lies before U-Boot puts the image to its place. */
const FILE_AT = 0x8400_0000;

interface UBootOptions {
  /** The guest's command line: words without quotes. */
  readonly arguments?: string;
  readonly seconds?: number;
}

/**
 * What the machine prints from the boot command on, until `until` (if there is one) appears in it, the machine is off,
 * or `seconds` (60) are over. `image` is a file's path; `command` is booti or bootm.
 */
export function bootByUBoot(
  image: string,
  command: 'booti' | 'bootm',
  until: string | undefined,
  { arguments: words = '', seconds = 60 }: UBootOptions = {},
): Promise<string> {
  const qemu = spawn('qemu-system-riscv64', [
    ...['-M', 'virt', '-m', '128', '-nographic', '-no-reboot', '-net', 'none', '-kernel', U_BOOT],
    ...['-device', `loader,file=${image},addr=${FILE_AT},force-raw=on`],
  ]);
  let text = '';
  let sent = 0;
  const steps = [
    { wait: 'Hit any key', send: '\n' },
    { wait: '=> ', send: `setenv bootargs ${words}; ${command} ${FILE_AT.toString(16)} - \${fdtcontroladdr}\n` },
  ];
  return new Promise((resolve, reject) => {
    const end = (): void => {
      qemu.kill('SIGKILL');
    };
    const timer = setTimeout(end, seconds * 1000);
    qemu.on('error', reject);
    qemu.on('close', () => {
      clearTimeout(timer);
      resolve(text);
    });
    qemu.stdout.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1');
      const step = steps[sent];
      if (step !== undefined && text.includes(step.wait)) {
        qemu.stdin.write(step.send);
        text = '';
        sent++;
      } else if (step === undefined && until !== undefined && text.includes(until)) {
        end();
      }
    });
  });
}
