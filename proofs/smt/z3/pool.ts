/**
 * Workers and a queue: questions go in one by one, to whichever worker is free, several in one message.
 *
 * A message carries a share of what waits, so that few long waits arise between a worker's answers and none of the
 * workers ends up with all that is left. When a worker is gone, the question that it was at has failed, with the
 * reason; those after it go back to the head of the queue, and a fresh worker is started for them. So one question costs
 * at most one worker, and a run ends however many die.
 */
import { CasemateError } from '../../../base/errors.ts';
import type { Answered, Z3Worker } from './process.ts';
import type { Asked } from './protocol.ts';

export type Outcome = (Answered & { readonly version: string }) | { readonly gone: string };

export interface Submitted {
  /** When a worker is at it, or it is over. */
  readonly started: Promise<void>;
  readonly outcome: Promise<Outcome>;
  /** Ends it with this reason, if it is not over; a worker that is at it is killed. */
  cancel(reason: string): void;
}

export interface Pool {
  submit(asked: Asked): Submitted;
  /** Workers started so far, and how many of them were lost. */
  counts(): { readonly started: number; readonly lost: number };
  /** Ends all workers; what is not answered is over. */
  close(): void;
}

interface Job {
  readonly asked: Asked;
  readonly begin: () => void;
  readonly settle: (outcome: Outcome) => void;
  over: boolean;
  worker?: Z3Worker;
}

/** Most questions in one message. */
const longestBatch = 16;

/** So many workers in a row may be of no use before none is tried any more. */
const mostFailures = 3;

/** `width` workers at most, each started by `start` when there is something for it to do; `time` as in Z3Worker.run. */
export function openPool(width: number, time: number, start: () => Promise<Z3Worker>): Pool {
  const queue: Job[] = [];
  const idle: Z3Worker[] = [];
  const all = new Set<Z3Worker>();
  let starting = 0;
  let closed = false;
  let started = 0;
  let lost = 0;
  /** Workers that did not start or did not begin, since the last answer. */
  let failures = 0;

  const take = (): Job[] => {
    const share = Math.ceil(queue.length / width);
    return queue.splice(0, Math.min(longestBatch, share)).filter(({ over }) => !over);
  };

  /** A worker was of no use. With none left, and none to be had, nothing will ever answer. */
  const fault = (gone: string): void => {
    failures++;
    if (failures >= mostFailures && all.size === 0) for (const job of queue.splice(0)) job.settle({ gone });
  };

  const work = async (worker: Z3Worker, jobs: readonly Job[]): Promise<void> => {
    let at = 0;
    const enter = (): void => {
      if (at >= jobs.length) return;
      jobs[at].worker = worker;
      jobs[at].begin();
    };
    enter();
    const gone = await worker.run(
      jobs.map(({ asked }) => asked),
      time,
      (index, answer) => {
        delete jobs[index].worker;
        jobs[index].settle({ ...answer, version: worker.version });
        at = index + 1;
        failures = 0;
        enter();
      },
    );
    if (gone === undefined) {
      idle.push(worker);
    } else {
      lost++;
      all.delete(worker);
      if (gone.begun) jobs[at]?.settle({ gone: gone.reason });
      queue.unshift(...jobs.slice(at).filter(({ over }) => !over));
      // It was gone before it had read the question, which is then not to blame.
      if (!gone.begun) fault(gone.reason);
    }
    pump();
  };

  const startOne = async (): Promise<void> => {
    starting++;
    try {
      const worker = await start();
      started++;
      if (closed) return worker.kill('the prover is closed');
      all.add(worker);
      idle.push(worker);
    } catch (error) {
      fault(error instanceof CasemateError ? error.message : String(error));
    } finally {
      starting--;
      pump();
    }
  };

  const pump = (): void => {
    if (closed) return;
    while (idle.length > 0 && queue.length > 0) {
      const worker = idle.pop()!;
      if (!worker.isAlive()) {
        lost++;
        all.delete(worker);
        continue;
      }
      const jobs = take();
      if (jobs.length === 0) idle.push(worker);
      else void work(worker, jobs);
    }
    if (queue.length > 0 && all.size === 0 && starting === 0 && failures >= mostFailures) failures = 0;
    const wanted = failures >= mostFailures ? 0 : Math.min(width - all.size, queue.length) - starting;
    for (let i = 0; i < wanted; i++) void startOne();
  };

  const submit = (asked: Asked): Submitted => {
    let begin!: () => void;
    let finish!: (outcome: Outcome) => void;
    const begun = new Promise<void>((resolve) => {
      begin = resolve;
    });
    const outcome = new Promise<Outcome>((resolve) => {
      finish = resolve;
    });
    const job: Job = {
      asked,
      begin,
      over: false,
      settle(result) {
        if (job.over) return;
        job.over = true;
        begin();
        finish(result);
      },
    };
    if (closed) job.settle({ gone: 'the prover is closed' });
    else queue.push(job);
    // What is submitted in one go is shared out together.
    queueMicrotask(pump);
    const cancel = (reason: string): void => {
      if (job.over) return;
      const { worker } = job;
      job.settle({ gone: reason });
      worker?.kill(reason);
    };
    return { started: begun, outcome, cancel };
  };

  const close = (): void => {
    closed = true;
    for (const job of queue.splice(0)) job.settle({ gone: 'the prover is closed' });
    for (const worker of all) worker.kill('the prover is closed');
  };

  return { submit, counts: () => ({ started, lost }), close };
}
