/** Verified TypeScript in an image, called by C that keeps to its contract, and then does not. */
import { expect, test } from 'vitest';
import { buildProject } from '../../pipeline/build.ts';
import { createProgress } from '../../pipeline/progress.ts';
import { project } from '../pipeline/support.ts';
import { requireTools } from '../support/tools.ts';
import { boot } from '../targets/hvt/guest.ts';

requireTools('clang');

test('a caller that breaks a precondition ends the guest, and its console says which', async () => {
  const folder = project({
    'casemate.json': JSON.stringify({ name: 'caller', target: 'hvt', harden: {}, sources: ['digits.ts', 'main.c'] }),
    'digits.ts': `import { consoleWrite } from 'casemate/platform';
import type { u8 } from 'casemate';
/** @requires n < 10 */
export function print(n: u8): void {
  const text = new Uint8Array(2);
  text[0] = 48 + n;
  text[1] = 10;
  consoleWrite(text, text.length);
}
`,
    'main.c': `#include <solo5.h>
#include "verified.h"
int solo5_app_main(const struct solo5_start_info *info) {
    print(7);
    print(info->cmdline[0] == '!' ? 10 : 8);
    return 0;
}
`,
  });
  const progress = createProgress({ write: () => {}, terminal: false, verbose: false, now: () => 0, patience: 60_000 });
  const { output, verified } = await buildProject({ folder, lock: 'verify', progress, proofs: {} });
  // Hardening has moved the code, and it is still what was linked.
  expect(verified!.functions).toMatchObject([{ function: 'digits.ts:print', status: 'proved' }]);
  expect(await boot(output)).toMatchObject({ outcome: 'halted', status: 0, console: '7\n8\n' });
  const broken = await boot(output, { args: ['!'] });
  expect(broken.console).toMatch(
    /^7\ncasemate: a caller broke a precondition of digits\.ts:print: n < 10\n.*ABORT.*\n$/,
  );
  expect(broken).toMatchObject({ outcome: 'halted', status: 255 });
});
