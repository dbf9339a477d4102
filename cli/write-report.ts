/** Writes a report, for the commands that do; what makes it is loaded when one is asked for. */
import { writeFileAtomic } from '../base/files.ts';
import type { Progress } from '../pipeline/progress.ts';
import type { ReportRequest } from '../pipeline/report.ts';
import { print } from './output.ts';

/** Slides that are drawn unless somebody says how many. */
export const DEFAULT_SLIDES = 1000;

/** To a file, or to standard output. */
export async function writeReport(
  output: string | undefined,
  request: Partial<ReportRequest> & Pick<ReportRequest, 'path'>,
  progress: Progress,
): Promise<void> {
  const { reportOf } = await import('../pipeline/report.ts');
  const page = await progress.phase('reporting', (step) =>
    reportOf({ keys: [], slides: DEFAULT_SLIDES, now: '', ...request, step }),
  );
  if (output === undefined) print(page);
  else writeFileAtomic(output, Buffer.from(page));
}
