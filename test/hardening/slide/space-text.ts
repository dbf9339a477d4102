/** The layout's arithmetic from a changed text, for tests to see its proof fail. */
import { join } from 'node:path';
import { build } from 'esbuild';
import type { SlideCode } from '../../../hardening/slide/obligations.ts';
import { projectRoot } from '../../support/paths.ts';

export const spaceFolder = join(projectRoot, 'hardening/slide');

export async function spaceFrom(text: string): Promise<SlideCode> {
  const { outputFiles } = await build({
    stdin: { contents: text, loader: 'ts', resolveDir: spaceFolder },
    bundle: true,
    write: false,
    format: 'esm',
    logLevel: 'silent',
  });
  return import(`data:text/javascript;base64,${Buffer.from(outputFiles[0].contents).toString('base64')}`);
}
